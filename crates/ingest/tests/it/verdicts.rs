//! Every reason there is, and what it takes to get it.

use crate::catalog::*;
use crate::rig::{Rig, about, block_on, click, encode, postback};
use ingest::Reason;
use model::event::{InboxEntry, Verdict};
use model::record::{RecordKind, tag};
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::collections::BTreeSet;
use store::Events;

use Verdict::{Duplicate, Held, Recorded, Refused, Unattributed, Updated};

/// A conversion an hour after its click.
const LATER_MS: i64 = START_MS + 3_600_000;

fn key(number: i64) -> ClickKey {
    ClickKey::new(START_MS + number, 0, 0)
}

/// Judges calls about the click 1 (offer 1), each `query` beginning with the parameters behind its id,
/// in one batch and in batches of one; the entries of the inbox.
fn judge_about(offer: ThingId, queries: &[&str]) -> Vec<InboxEntry> {
    let id = id_text(key(1), 1, false);
    let urls: Vec<String> = queries.iter().map(|q| format!("/postback?clickid={id}{q}")).collect();
    let calls = urls.iter().map(|url| encode(RecordKind::Postback, &postback(LATER_MS, 1, url)));
    let mut records = vec![click(key(1), offer), click(key(2), offer)];
    records.extend(calls);
    judge_all(&records)
}

fn judge_all(records: &[Vec<u8>]) -> Vec<InboxEntry> {
    let inbox = |batch_records_max| {
        let mut rig = Rig::new(1);
        for record in records {
            rig.write(record.clone());
        }
        rig.carry_over(batch_records_max);
        let mut inbox = rig.inbox(1);
        inbox.extend(rig.inbox(2));
        inbox.sort_by_key(|entry| entry.sequence);
        inbox
    };
    let at_once = inbox(1000);
    assert_eq!(at_once, inbox(1), "the batch makes no difference");
    at_once
}

fn short(inbox: &[InboxEntry]) -> Vec<(Verdict, &str)> {
    inbox.iter().map(|entry| (entry.verdict, entry.reason.as_str())).collect()
}

#[test]
fn every_id_that_fails_says_how() {
    let id = id_text(key(1), 1, false);
    let swapped = {
        let mut text = id.clone().into_bytes();
        text.swap(10, 11);
        String::from_utf8(text).unwrap()
    };
    let ahead = id_text(ClickKey::new(LATER_MS + 61_000, 0, 0), 1, false);
    let ancient = id_text(ClickKey::new(LATER_MS - 91 * DAY_MS, 0, 0), 1, false);
    let unknown = id_text(key(999), 1, false);
    for (query, expected) in [
        (format!("clickid={id}"), (Recorded, "")),
        (format!("clickid={}", id.to_uppercase()), (Recorded, "")),
        (format!("clickid={}", &id[3..]), (Recorded, "")),
        (format!("external_id={id}"), (Recorded, "")),
        (String::new(), (Unattributed, "click_id_missing")),
        ("clickid=".into(), (Unattributed, "click_id_missing")),
        ("clickid=%7Bclickid%7D".into(), (Unattributed, "click_id_unexpanded")),
        ("clickid=hello".into(), (Unattributed, "click_id_malformed")),
        (format!("clickid={}", &id[..20]), (Unattributed, "click_id_malformed")),
        (format!("clickid=ct_{}", "0".repeat(26)), (Unattributed, "click_id_unverified")),
        (format!("clickid={}", &id[..28]), (Recorded, "click_id_truncated")),
        (format!("clickid={swapped}"), (Recorded, "click_id_altered")),
        (format!("clickid=%7B{id}%7D"), (Recorded, "click_id_wrapped")),
        (format!("clickid=%2522{id}%2522"), (Recorded, "click_id_wrapped")),
        // Whatever the name, the signature tells which one is ours.
        (format!("cid=their-campaign&sub_id={id}"), (Recorded, "")),
        (format!("clickid=%7Bclickid%7D&external_id={id}"), (Recorded, "")),
        ("external_id=nobody".into(), (Unattributed, "external_id_unknown")),
        (format!("clickid={ahead}"), (Unattributed, "click_id_in_future")),
        (format!("clickid={ancient}"), (Unattributed, "outside_window")),
        (format!("clickid={unknown}"), (Recorded, "click_not_stored")),
    ] {
        let call = postback(LATER_MS, 1, &format!("/postback?{query}"));
        let inbox = judge_all(&[click(key(1), PLAIN), encode(RecordKind::Postback, &call)]);
        assert_eq!(short(&inbox), [expected], "{query}");
        let has_key = inbox[0].key.is_some();
        let is_named = !matches!(expected, (Unattributed, code) if !["click_id_in_future", "outside_window"].contains(&code));
        assert_eq!(has_key, is_named, "{query}");
    }
}

#[test]
fn a_sentence_names_the_parameter_and_what_it_holds() {
    let id = id_text(key(1), 1, false);
    for (query, words) in [
        (
            "cid=%7Bclickid%7D".into(),
            "parameter `cid` holds the literal `{clickid}`: the network did not expand its macro",
        ),
        (
            "aff_sub=hello".into(),
            "parameter `aff_sub` holds `hello`: the click id has a wrong length",
        ),
        ("external_id=nobody".into(), "parameter `external_id` holds `nobody`: no person"),
        (format!("clickid={id}&sum=1,500"), "parameter `sum` holds `1,500`: "),
        (
            format!("clickid={id}&amount=%7Bpayout%7D"),
            "parameter `amount` holds the literal `{payout}`: ",
        ),
        (format!("clickid={id}&cnv_status=odd"), "parameter `cnv_status` holds `odd`: "),
        (format!("clickid={id}&cur=dollars"), "parameter `cur` holds `dollars`: "),
    ] {
        let call = postback(LATER_MS, 1, &format!("/postback?{query}"));
        let inbox = judge_all(&[click(key(1), PLAIN), encode(RecordKind::Postback, &call)]);
        assert!(inbox[0].message.starts_with(words), "{query}: {}", inbox[0].message);
    }
}

#[test]
fn amounts_and_currencies_read_as_declared() {
    for (query, expected, money) in [
        ("", (Recorded, ""), 0),
        ("&payout=", (Recorded, ""), 0),
        ("&payout=1.5", (Recorded, ""), 1_500_000),
        ("&payout=1,50", (Recorded, ""), 1_500_000),
        ("&payout=0.0000005", (Recorded, ""), 0),
        ("&payout=0.0000015", (Recorded, ""), 2),
        ("&payout=1,500", (Refused, "payout_ambiguous"), 0),
        ("&payout=NaN", (Refused, "payout_not_a_number"), 0),
        ("&payout=1e3", (Refused, "payout_not_a_number"), 0),
        ("&payout=--1", (Refused, "payout_not_a_number"), 0),
        ("&payout=1000000000000000000000000000000", (Refused, "payout_too_large"), 0),
        ("&payout=%7Bpayout%7D", (Refused, "payout_unexpanded"), 0),
        ("&payout=%7Bpayout%7D&amount=2", (Recorded, ""), 2_000_000),
        ("&payout=-2", (Refused, "reversal_of_nothing"), 0),
        ("&payout=2&currency=usd", (Recorded, ""), 2_000_000),
        ("&payout=2&currency=dollars", (Refused, "currency_unknown"), 0),
        ("&payout=2&currency=EUR", (Recorded, "currency_without_rate"), 0),
        ("&currency=EUR", (Recorded, ""), 0),
    ] {
        let mut rig = Rig::new(1);
        rig.write(click(key(1), PLAIN));
        let url = format!("/postback?clickid={}{query}", id_text(key(1), 1, false));
        rig.write(encode(RecordKind::Postback, &postback(LATER_MS, 1, &url)));
        rig.carry_over(10);
        assert_eq!(short(&rig.inbox(1)), [expected], "{query}");
        let rows = block_on(rig.events.rows_of(1, &[key(1)])).unwrap();
        assert_eq!(rows.iter().map(|row| row.revenue).sum::<i64>(), money, "{query}");
    }
}

#[test]
fn a_fixed_payout_counts_whatever_is_sent_and_a_negative_amount_takes_it_back() {
    let queries =
        ["&payout=NaN&currency=x", "&payout=99", "&payout=-1", "&payout=-1", "&status=rejected"];
    let expected = [
        (Recorded, ""),
        (Duplicate, "first_only"),
        (Updated, "reversal"),
        (Duplicate, "repeated"),
        (Updated, "status_changed"),
    ];
    assert_eq!(short(&judge_about(FIXED, &queries)), expected);
}

#[test]
fn repeats_updates_and_reversals_say_what_they_are() {
    for (offer, queries, expected) in [
        (PLAIN, ["&txid=A", "&txid=A"], (Duplicate, "repeated")),
        (PLAIN, ["", ""], (Duplicate, "first_only")),
        (PLAIN, ["&txid=A", "&txid=B"], (Recorded, "")),
        (PLAIN, ["&txid=A", "&txid="], (Recorded, "")),
        (PLAIN, ["&type=lead", "&type=LEAD"], (Duplicate, "first_only")),
        (PLAIN, ["&type=lead", "&type=sale"], (Recorded, "")),
        (PLAIN, ["&status=pending&payout=1", ""], (Updated, "status_changed")),
        (PLAIN, ["&txid=A&payout=1", "&txid=A&payout=2"], (Updated, "amount_changed")),
        (PLAIN, ["&payout=2", "&payout=-1"], (Updated, "reversal")),
        (PLAIN, ["&payout=2", "&payout=-1&currency=EUR"], (Refused, "currency_differs")),
        (PLAIN, ["&payout=2", "&payout=-1&type=other"], (Refused, "reversal_of_nothing")),
        (PLAIN, ["", "&status=odd"], (Held, "status_unmapped")),
        (EVERY, ["&payout=1", "&payout=1"], (Recorded, "")),
        (UPDATE, ["&payout=1", "&payout=2"], (Updated, "amount_changed")),
        (ADD, ["&payout=1", "&payout=2"], (Updated, "amount_changed")),
        (ADD, ["&payout=1", "&payout=2&currency=EUR"], (Refused, "currency_differs")),
        (ADD, ["&payout=9000000000000", "&payout=9000000000000"], (Refused, "payout_too_large")),
        (OWN_WORDS, ["&summ=1&status=wait", "&summ=1,500&status=ok"], (Updated, "status_changed")),
    ] {
        let inbox = judge_about(offer, &queries);
        assert_eq!(short(&inbox)[1], expected, "offer {offer}: {queries:?}");
    }
}

#[test]
fn a_transaction_belongs_to_the_click_it_was_first_reported_for() {
    let url = |number| format!("/postback?clickid={}&txid=T", id_text(key(number), 1, false));
    let call = |number| encode(RecordKind::Postback, &postback(LATER_MS, 1, &url(number)));
    let inbox = judge_all(&[click(key(1), 1), click(key(2), 1), call(2), call(1), call(2)]);
    assert_eq!(
        short(&inbox),
        [(Recorded, ""), (Refused, "txid_on_other_click"), (Duplicate, "repeated")]
    );
}

#[test]
fn a_network_that_enforces_key_and_address_is_held_to_them_however_old_the_click() {
    let id = id_text(key(1), 1, false);
    for (path, peer, expected) in [
        ("/postback?x=", "192.0.2.7", "missing_key"),
        ("/postback?key=k1", "192.0.2.7", "wrong_key"),
        ("/postback/k1?x=", "192.0.2.7", "wrong_key"),
        ("/postback/k7?x=", "192.0.2.8", "wrong_address"),
        ("/postback/k7?x=", "192.0.2.7", ""),
        ("/postback?key=k7", "192.0.2.7", ""),
    ] {
        let mut facts = postback(LATER_MS, 1, &format!("{path}&clickid={id}"));
        facts.remove(tag::INTAKE_PEER);
        facts.push_bytes(tag::INTAKE_PEER, peer.as_bytes());
        let records = [click(key(1), OFFER_STRICT), encode(RecordKind::Postback, &facts)];
        let inbox = judge_all(&records);
        let verdict = if expected.is_empty() { Recorded } else { Refused };
        assert_eq!(short(&inbox), [(verdict, expected)], "{path} {peer}");
        // A browser's call is not the network's.
        let pixel = judge_all(&[records[0].clone(), encode(RecordKind::Pixel, &facts)]);
        assert_eq!(short(&pixel), [(Recorded, "")]);
    }
}

#[test]
fn of_key_address_and_id_one_legal_combination_counts_and_all_others_say_why() {
    let ours = id_text(key(1), 1, false);
    let old = id_text(ClickKey::new(LATER_MS - 91 * DAY_MS, 0, 0), 1, false);
    let forged = format!("ct_{}", "0".repeat(26));
    let mut counted = 0;
    for path in ["/postback/k7", "/postback/guess", "/postback"] {
        for peer in ["192.0.2.7", "192.0.2.8"] {
            for (id, of_id) in [
                (&ours, (Recorded, "")),
                (&forged, (Unattributed, "click_id_unverified")),
                (&"a1b2-of-another-system".to_owned(), (Unattributed, "click_id_malformed")),
                (&old, (Unattributed, "outside_window")),
            ] {
                let mut facts = postback(LATER_MS, 1, &format!("{path}?clickid={id}"));
                facts.remove(tag::INTAKE_PEER);
                facts.push_bytes(tag::INTAKE_PEER, peer.as_bytes());
                let call = encode(RecordKind::Postback, &facts);
                let inbox = judge_all(&[click(key(1), OFFER_STRICT), call]);
                let expected = match (path, peer) {
                    _ if of_id.0 != Recorded => of_id,
                    ("/postback/k7", "192.0.2.7") => of_id,
                    ("/postback/k7", _) => (Refused, "wrong_address"),
                    ("/postback/guess", _) => (Refused, "wrong_key"),
                    _ => (Refused, "missing_key"),
                };
                assert_eq!(short(&inbox), [expected], "{path} {peer} {id}");
                counted += usize::from(inbox[0].verdict == Recorded);
            }
        }
    }
    assert_eq!(counted, 1);
}

#[test]
fn intakes_refusals_stand_and_those_about_the_id_are_told_apart() {
    let id = id_text(key(1), 1, false);
    for (code, expected) in [
        ("wrong_key", (Refused, "wrong_key")),
        ("missing_key", (Refused, "missing_key")),
        ("wrong_address", (Refused, "wrong_address")),
        ("of_later_versions", (Refused, "of_later_versions")),
        ("click_id_unverified", (Recorded, "")),
    ] {
        let mut facts = postback(LATER_MS, 1, &format!("/postback?clickid={id}"));
        facts.push_bytes(tag::INTAKE_REFUSAL, code.as_bytes());
        facts.push_int(tag::KEY, key(1).0);
        let inbox = judge_all(&[click(key(1), PLAIN), encode(RecordKind::Postback, &facts)]);
        assert_eq!(short(&inbox), [expected]);
        assert_eq!(inbox[0].key, Some(key(1)), "the trail of the click shows it");
    }
}

#[test]
fn an_id_of_a_platform_counts_for_the_newest_click_of_a_person_before_the_call() {
    let with = |number: i64, pair: &str, is_bot: bool| {
        let mut facts = about(key(number), 1, 1);
        facts.set_int(Field::Offer, PLAIN);
        facts.push_bytes(tag::PLATFORM_ID, pair.as_bytes());
        facts.set_flag(Field::Bot, is_bot);
        encode(RecordKind::Click, &facts)
    };
    let after = key(7_200_000);
    let clicks = [
        with(1, "gclid=G", false),
        with(2, "gclid=G", false),
        with(3, "gclid=G", true),
        with(4, "fbclid=F", true),
        with(after.time_ms() - START_MS, "gclid=G", false),
    ];
    for (query, expected, named) in [
        ("gclid=G", (Recorded, ""), Some(2)),
        ("gclid=%7Bgclid%7D", (Unattributed, "click_id_missing"), None),
        ("clickid=%7Bclickid%7D&gclid=G", (Recorded, ""), Some(2)),
        ("cid=their-own&gclid=G", (Recorded, ""), Some(2)),
        ("external_id=unknown&gclid=G", (Recorded, ""), Some(2)),
        ("gclid=H", (Unattributed, "platform_id_unknown"), None),
        ("wbraid=G", (Unattributed, "platform_id_unknown"), None),
        ("fbclid=F", (Unattributed, "platform_id_unknown"), None),
        ("fbclid=F&gclid=G", (Recorded, ""), Some(2)),
        // A forged id of ours does not become an honest one by what stands beside it.
        (
            "clickid=ct_00000000000000000000000000&gclid=G",
            (Unattributed, "click_id_unverified"),
            None,
        ),
    ] {
        let mut records = clicks.to_vec();
        let call = postback(LATER_MS, 1, &format!("/postback?{query}"));
        records.push(encode(RecordKind::Postback, &call));
        let inbox = judge_all(&records);
        assert_eq!(short(&inbox), [expected], "{query}");
        assert_eq!(inbox[0].key, named.map(key), "{query}");
    }
}

#[test]
fn one_workspace_learns_nothing_of_anothers_clicks_and_transactions() {
    let theirs = encode(RecordKind::Click, &about(key(1), 2, CAMPAIGN_OTHER));
    let id = id_text(key(1), CAMPAIGN_OTHER, false);
    let call = |network: ThingId, workspace, id: &str| {
        let mut facts = postback(LATER_MS, workspace, &format!("/postback?clickid={id}&txid=T"));
        facts.push_int(tag::INTAKE_NETWORK, network.into());
        encode(RecordKind::Postback, &facts)
    };
    let own = id_text(key(2), 1, false);
    let records = [
        theirs,
        click(key(2), PLAIN),
        call(PLAIN, 1, &id),
        call(OTHER, 2, &id),
        call(PLAIN, 1, &own),
    ];
    let inbox = judge_all(&records);
    let expected = [(Unattributed, "click_of_other_workspace"), (Recorded, ""), (Recorded, "")];
    assert_eq!(short(&inbox), expected);
}

#[test]
fn a_sources_own_id_finds_its_newest_click_before_the_call() {
    let with = |number: i64, workspace, campaign| {
        let mut facts = about(key(number), workspace, campaign);
        facts.set_text(Field::ExternalId, "abc");
        encode(RecordKind::Click, &facts)
    };
    let call =
        encode(RecordKind::Postback, &postback(key(2).time_ms(), 1, "/postback?external_id=abc"));
    let records = [with(1, 1, 1), with(2, 1, 2), with(3, 1, 1), with(4, 2, CAMPAIGN_OTHER), call];
    let inbox = judge_all(&records);
    assert_eq!((short(&inbox), inbox[0].key), (vec![(Recorded, "")], Some(key(2))));
}

#[test]
fn a_conversion_keeps_its_offer_wherever_the_visitor_goes_since() {
    let hop = |number: i64, offer: ThingId, is_bot| {
        let mut facts = about(key(1), 1, 1);
        facts.push_int(tag::AT, START_MS + number);
        facts.set_int(Field::Offer, offer);
        facts.set_flag(Field::Bot, is_bot);
        encode(RecordKind::LanderClick, &facts)
    };
    let id = id_text(key(1), 1, false);
    let call = |query: &str| {
        let url = format!("/postback?clickid={id}{query}");
        encode(RecordKind::Postback, &postback(LATER_MS, 1, &url))
    };
    let mut rig = Rig::new(1);
    let records = [
        click(key(1), 1),
        hop(10, 2, false),
        hop(11, 3, true),
        call("&status=pending&payout=1&p1=a"),
        hop(12, 4, false),
        call("&status=approved&p2=b"),
        call("&status=pending&type=lead"),
    ];
    for record in records {
        rig.write(record);
    }
    rig.carry_over(100);
    let rows = block_on(rig.events.rows_of(1, &[key(1)])).unwrap();
    let entries = rows.iter().filter(|row| row.kind == model::event::RowKind::Entry);
    let told: Vec<_> = entries
        .map(|row| {
            let text = |field| row.facts.text(field).unwrap_or_default();
            (
                row.count,
                row.facts.int(Field::Offer),
                text(Field::ConversionStatus),
                text(Field::P1),
                text(Field::P2),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, Some(2), "pending", "a", ""),
            (-1, Some(2), "pending", "a", ""),
            (1, Some(2), "approved", "a", "b"),
            (1, Some(4), "pending", "", ""),
        ]
    );
}

#[test]
fn every_reason_can_happen_and_says_what_to_do() {
    use model::money::MoneyError;
    // The compiler asks for a line here when a reason is added.
    let all = |reason: &Reason| match reason {
        Reason::Intake(_) | Reason::IdMissing | Reason::IdUnexpanded | Reason::IdMalformed => 0,
        Reason::IdUnverified | Reason::IdTruncated | Reason::IdAltered | Reason::IdWrapped => 1,
        Reason::ExternalIdUnknown | Reason::PlatformIdUnknown => 2,
        Reason::OtherWorkspace | Reason::IdInFuture => 2,
        Reason::OutsideWindow | Reason::ClickNotStored | Reason::Payout(_) | Reason::Currency => 3,
        Reason::CurrencyWithoutRate | Reason::StatusUnmapped(_) | Reason::TxidOnOtherClick => 4,
        Reason::Repeated | Reason::FirstOnly | Reason::StatusChanged | Reason::AmountChanged => 5,
        Reason::Reversal | Reason::ReversalOfNothing | Reason::CurrencyDiffers => 6,
        Reason::Overtaken | Reason::Sealed | Reason::NotConversion(_) => 7,
    };
    let advice = [
        (Reason::IdMissing, "clickid="),
        (Reason::IdUnexpanded, "check the macro"),
        (Reason::IdMalformed, "check which macro"),
        (Reason::IdUnverified, "check that"),
        (Reason::IdTruncated, "allow 32 characters"),
        (Reason::IdAltered, "look for"),
        (Reason::IdWrapped, "have the network send it as it was given"),
        (Reason::ExternalIdUnknown, "put the network's macro"),
        (Reason::PlatformIdUnknown, "put the network's macro"),
        (Reason::OtherWorkspace, "use a network"),
        (Reason::IdInFuture, "check this machine's clock"),
        (Reason::OutsideWindow, "lengthen the window"),
        (Reason::ClickNotStored, "come from its id"),
        (Reason::Payout(MoneyError::Ambiguous), "declare the network's decimal mark"),
        (Reason::Payout(MoneyError::Unexpanded), "check the payout parameter"),
        (Reason::Currency, "send an ISO 4217 code"),
        (Reason::CurrencyWithoutRate, "no sum holds it"),
        (Reason::StatusUnmapped("odd".into()), "`odd` is not in the network's status map: add it"),
        (Reason::TxidOnOtherClick, "check which macro"),
        (Reason::FirstOnly, "have the network send a `txid`"),
        (Reason::ReversalOfNothing, "check `txid` and `type`"),
        (Reason::CurrencyDiffers, "send that one"),
        (Reason::Intake("missing_key".into()), "put it into the postback URL"),
        (Reason::Intake("wrong_key".into()), "put the right one"),
        (Reason::Intake("wrong_address".into()), "add the address"),
        (Reason::Intake("new".into()), "refused on arrival: new"),
        (Reason::Repeated, "nothing to do"),
        (Reason::StatusChanged, "changed its status"),
        (Reason::AmountChanged, "changed its amount"),
        (Reason::Reversal, "taken off"),
        (Reason::Overtaken, "what it said stands"),
        (Reason::Sealed, "set the network's `notification_secret`"),
        (Reason::NotConversion("TEST_SALE".into()), "`TEST_SALE` arrived"),
    ];
    for (reason, words) in &advice {
        assert!(reason.message().contains(words), "{reason:?}: {}", reason.message());
    }
    let kinds: BTreeSet<_> = advice.iter().map(|(reason, _)| all(reason)).collect();
    assert_eq!(kinds.len(), 8);
    println!("result: ingest reasons: {} told apart, each with a sentence", advice.len());
}
