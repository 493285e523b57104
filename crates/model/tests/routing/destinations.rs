//! What goes on to a destination: the click id always, what the ad platform passed where the path says.

use crate::scene::{DRAWS, SUNDAY_MS, facts, key, table};
use model::route::{Hop, UrlValues, destination};
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
        key: key(SUNDAY_MS, 1),
        click_id: "ct_1",
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
    ] {
        let url = destination(hop, &values, "id", pass, ["gclid=G"].into_iter());
        assert_eq!(url.as_deref(), Some(expected), "{hop:?} {pass:?}");
    }
    assert_eq!(destination(Hop::Offer(99), &values, "id", none, std::iter::empty()), None);
}
