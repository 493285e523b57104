//! What goes on to a destination: the click id always, what the ad platform passed where the path says.

use crate::scene::{DRAWS, SUNDAY_MS, facts, key, table};
use model::Field;
use model::route::{Hop, Origin, UrlValues, destination, destination_origins};
use model::template::Template;
use model::thing::Pass;
use serde_json::json;

#[test]
fn what_was_passed_goes_on_where_the_path_says() {
    let table = table(&[json!({"default": [{"offers": [{"offer": 1}]}]})]);
    let (facts, own) = (facts(&[]), Template::parse("https://own.example/{click_id}").unwrap());
    let values = UrlValues {
        table: &table,
        facts: &facts,
        campaign: table.campaign(1).unwrap(),
        query: "gclid=G&sub1=x&utm_source=%7Bsource%7D",
        key: key(SUNDAY_MS, 1),
        click_id: "ct_1",
        click_param: "id",
        draws: &DRAWS,
    };
    let none = Pass { landers: false, offers: false };
    let both = Pass { landers: true, offers: true };
    for (hop, pass, expected) in [
        (Hop::Lander(1), Pass::default(), "https://lander1.example/?gclid=G&id=ct_1"),
        (Hop::Lander(1), none, "https://lander1.example/?id=ct_1"),
        (Hop::Offer(1), Pass::default(), "https://offer1.example/?id=ct_1"),
        (Hop::Offer(1), both, "https://offer1.example/?gclid=G&id=ct_1"),
        (Hop::Url(&own), Pass::default(), "https://own.example/ct_1"),
        (Hop::Url(&own), both, "https://own.example/ct_1?gclid=G"),
        (Hop::Shown("https://a.example/".into()), none, "https://a.example/?id=ct_1"),
    ] {
        let url = destination(&hop, pass, &values);
        assert_eq!(url.as_deref(), Some(expected), "{hop:?} {pass:?}");
    }
    assert_eq!(destination(&Hop::Offer(99), none, &values), None);
}

#[test]
fn every_token_says_where_its_value_came_from() {
    let table = table(&[json!({"default": [{"offers": [{"offer": 1}]}]})]);
    let mut facts = facts(&[(Field::Placement, "z 1"), (Field::Os, "iOS"), (Field::City, "Bonn")]);
    facts.set_int(Field::Campaign, 1);
    let text = "https://own.example/{placement}?o={os}&c={city:raw}&n={campaign.name}&k={keyword:default(none)}&s={sub1}&i={clickid}&r={random}&t={timestamp}";
    let own = Template::parse(text).unwrap();
    let values = UrlValues {
        table: &table,
        campaign: table.campaign(1).unwrap(),
        facts: &facts,
        query: "zoneid=&zone_id=z+1&gclid=G",
        key: key(SUNDAY_MS, 1),
        click_id: "ct_1",
        click_param: "id",
        draws: &DRAWS,
    };
    let pass = Pass { landers: true, offers: true };
    let step = destination_origins(&Hop::Url(&own), pass, &values).unwrap();
    assert_eq!(Some(&step.url), destination(&Hop::Url(&own), pass, &values).as_ref());
    assert_eq!((&*step.template, &*step.passed), (text, &["gclid=G".to_owned()][..]));
    let shown: Vec<_> = step
        .tokens
        .iter()
        .map(|t| (&*t.token, &*t.value, t.origin, t.param.as_deref()))
        .filter(|(token, ..)| *token != "random")
        .collect();
    assert_eq!(
        shown,
        [
            ("placement", "z 1", Origin::Parameter, Some("zone_id")),
            ("os", "iOS", Origin::UserAgent, None),
            ("city:raw", "Bonn", Origin::Address, None),
            ("campaign.name", "thing 1", Origin::Decision, None),
            ("keyword:default(none)", "none", Origin::Default, None),
            ("sub1", "", Origin::Nowhere, None),
            ("clickid", "ct_1", Origin::ClickId, None),
            ("timestamp", "1795390200", Origin::Clock, None),
        ]
    );
}
