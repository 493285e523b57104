//! The records that what happened leaves in the journal, as edge writes them.

use crate::catalog::{START_MS, id_text};
use crate::play::{Amount, Call, IdForm, Landing, Op, Play};
use crate::rig::{about, encode, postback};
use model::facts::Facts;
use model::order::Order;
use model::record::{RecordKind, tag};
use model::{ClickId, Field, params};

impl Play {
    /// The record of an op.
    pub fn bytes(&self, op: &Op) -> Vec<u8> {
        match op {
            Op::Land { landing, settles } => self.landings[*landing].bytes(*settles),
            Op::Hop { landing, offer, is_bot, at_ms, link, settles } => {
                let of = &self.landings[*landing];
                let mut facts = about(of.key, of.workspace, of.campaign);
                facts.push_int(tag::AT, *at_ms);
                facts.push_int(tag::LINK, *link);
                offer.iter().for_each(|offer| facts.set_int(Field::Offer, *offer));
                facts.set_flag(Field::Bot, *is_bot);
                facts.set_flag(Field::Test, of.is_test);
                if *settles {
                    facts.push_int(tag::SETTLES, 1);
                }
                encode(RecordKind::LanderClick, &facts)
            }
            Op::Unlogged { key, campaign, count } => {
                let mut facts = about(*key, 1, *campaign);
                facts.push_int(tag::AT, key.time_ms());
                facts.push_int(tag::COUNT, *count);
                encode(RecordKind::Unlogged, &facts)
            }
            Op::Call(call) => self.call_bytes(call),
            Op::Order { call, landing, workspace } => {
                let click = landing.map(|landing| &self.landings[landing]).map(|of| ClickId {
                    key: of.key,
                    campaign: of.campaign,
                    unlogged: false,
                    test: of.is_test,
                });
                let (call, workspace) = (*call as u64 + 1, *workspace);
                let (author, reason) = ("somebody".into(), String::new());
                Order { at_ms: START_MS, workspace, call, click, author, reason }.encode()
            }
        }
    }

    fn call_bytes(&self, call: &Call) -> Vec<u8> {
        let of = &self.landings[call.landing];
        let text = id_text(of.key, of.campaign, of.is_test);
        let (id, refusal) = match call.id {
            IdForm::Exact => (format!("clickid={text}"), None),
            IdForm::UpperCase => (format!("cid={}", text.to_uppercase()), None),
            IdForm::Truncated => (format!("clickid={}", &text[..text.len() - 3]), None),
            IdForm::Altered => (format!("subid={}", slip(&text)), None),
            IdForm::Forged => {
                (format!("clickid=ct_{}", "z".repeat(26)), Some("click_id_unverified"))
            }
            IdForm::Malformed => ("clickid=hello".into(), Some("click_id_malformed")),
            IdForm::Macro => ("clickid={clickid}".into(), Some("click_id_unexpanded")),
            IdForm::Missing => ("clickid=".into(), Some("click_id_missing")),
            IdForm::External => {
                (format!("external_id={}", of.external_id.as_deref().unwrap_or("none")), None)
            }
            IdForm::Cookie => ("c=x".into(), None),
        };
        let (payout, txid) = if call.has_own_names { ("summ", "ref") } else { ("payout", "txid") };
        let mut query = vec![id];
        query.extend(call.amount.text().map(|text| format!("{payout}={text}")));
        query.extend(call.txid.as_ref().map(|id| format!("{txid}={id}")));
        query.extend(call.currency.map(|code| format!("currency={code}")));
        query.extend(call.status.map(|word| format!("status={word}")));
        query.extend(call.kind.map(|kind| format!("type={kind}")));
        query.extend(call.event_id.map(|id| format!("event_id={id}")));
        query.extend(call.is_trusted.then(|| "key=k7".into()));
        if call.is_report {
            return report(call, &query);
        }
        let url = format!("/postback?{}", query.join("&"));
        let mut facts = postback(call.at_ms, call.workspace, &url);
        if call.is_trusted {
            facts.remove(tag::INTAKE_PEER);
            facts.push_bytes(tag::INTAKE_PEER, b"192.0.2.7");
        }
        if call.id == IdForm::Cookie {
            facts.push_int(tag::KEY, of.key.0);
            facts.set_int(Field::Campaign, of.campaign);
            facts.set_flag(Field::Test, of.is_test);
        }
        call.network.iter().for_each(|id| facts.push_int(tag::INTAKE_NETWORK, (*id).into()));
        let refusal = call.refusal.or(refusal);
        refusal.iter().for_each(|code| facts.push_bytes(tag::INTAKE_REFUSAL, code.as_bytes()));
        encode(if call.is_pixel { RecordKind::Pixel } else { RecordKind::Postback }, &facts)
    }
}

/// A line of a file.
fn report(call: &Call, query: &[String]) -> Vec<u8> {
    let pairs = query.iter().map(|pair| pair.split_once('=').unwrap());
    let pairs = pairs.map(|(name, value)| format!("\"{name}\":\"{}\"", params::decode(value)));
    let body = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
    let mut facts = Facts::default();
    facts.push_int(tag::AT, call.at_ms);
    facts.push_int(tag::RECEIVED, call.received_ms());
    facts.set_int(Field::Workspace, call.workspace);
    facts.push_bytes(tag::INTAKE_METHOD, b"CSV");
    facts.push_bytes(tag::INTAKE_URL, b"/api/v1/conversions");
    facts.push_bytes(tag::INTAKE_BODY, body.as_bytes());
    encode(RecordKind::Report, &facts)
}

impl Call {
    /// What is reported by hand is reported later.
    pub fn received_ms(&self) -> i64 {
        if self.is_report { self.at_ms + 60_000 } else { self.at_ms }
    }
}

impl Amount {
    fn text(self) -> Option<String> {
        Some(match self {
            Self::Absent => return None,
            // A comma before six decimals is one whether the mark is declared or not.
            Self::Sent(micro) => {
                let sign = if micro < 0 { "-" } else { "" };
                let micro = micro.unsigned_abs();
                format!("{sign}{},{:06}", micro / 1_000_000, micro % 1_000_000)
            }
            Self::Thousands => "1,500".into(),
            Self::Literal => "%7Bpayout%7D".into(),
            Self::NotANumber => "NaN".into(),
            Self::Huge => "1".to_owned() + &"0".repeat(30),
        })
    }
}

/// One character of the id, another each time, is not what it was.
fn slip(text: &str) -> String {
    let mut text = text.as_bytes().to_vec();
    let place = 3 + text[text.len() - 1] as usize % 26;
    text[place] = if text[place] == b'7' { b'8' } else { b'7' };
    String::from_utf8(text).unwrap()
}

impl Landing {
    fn bytes(&self, settles: bool) -> Vec<u8> {
        let mut facts = about(self.key, self.workspace, self.campaign);
        facts.set_text(Field::Placement, self.placement.as_deref().unwrap_or_default());
        facts.set_text(Field::Country, self.country.unwrap_or_default());
        if let Some(offer) = self.offer {
            facts.set_int(Field::Offer, offer);
            facts.set_int(Field::Network, offer);
        }
        facts.set_flag(Field::Bot, self.is_bot);
        facts.set_flag(Field::Test, self.is_test);
        facts.set_text(Field::ExternalId, self.external_id.as_deref().unwrap_or_default());
        if let Some((cost, currency)) = self.cost {
            facts.push_int(tag::COST, cost);
            currency.into_iter().for_each(|c| facts.push_bytes(tag::COST_CURRENCY, c.as_bytes()));
        }
        if settles {
            facts.push_int(tag::SETTLES, 1);
        }
        encode(self.kind, &facts)
    }
}
