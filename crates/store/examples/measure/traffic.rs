//! Made-up clicks with the shape of real ones: how often values repeat, how long they are.

use model::event::{Row, RowKind};
use model::facts::Facts;
use model::id::KeySequence;
use model::record::tag;
use model::{ClickKey, Field};

/// 2026-01-01T00:00:00Z.
pub const START_MS: i64 = 1_767_225_600_000;

/// A small generator of reproducible numbers (xorshift64*).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Evenly below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// Below `n`, small numbers far more often.
    pub fn skewed(&mut self, n: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        ((n as f64).powf(unit) as u64).saturating_sub(1).min(n - 1)
    }
}

/// A stream of clicks over some days.
pub struct Traffic {
    chance: Chance,
    keys: KeySequence,
    step_ms: f64,
    now_ms: f64,
    sequence: u64,
    agents: Vec<String>,
    external: bool,
}

impl Traffic {
    /// `clicks` over `days`; with `external`, every click has a platform's id and its raw query.
    pub fn new(clicks: u64, days: u64, agents: Vec<String>, external: bool) -> Self {
        Self {
            chance: Chance::new(7),
            keys: KeySequence::after(ClickKey::first_at(START_MS), 0),
            step_ms: days as f64 * 86_400_000.0 / clicks as f64,
            now_ms: START_MS as f64,
            sequence: 0,
            agents,
            external,
        }
    }

    /// The next click.
    pub fn click(&mut self) -> Row {
        let c = &mut self.chance;
        self.now_ms += self.step_ms * (c.below(2000) as f64 / 1000.0);
        self.sequence += 1;
        let key = self.keys.next(self.now_ms as i64);
        let mut f = Facts::for_click();
        let campaign = c.skewed(500) + 1;
        let path = c.below(3) + 1;
        f.set_int(Field::Campaign, campaign as i64);
        f.set_int(Field::Flow, campaign as i64);
        f.set_int(Field::Path, path as i64);
        if path > 1 {
            f.set_int(Field::Lander, (campaign * 3 % 40 + path) as i64);
        }
        let offer = campaign * 7 % 120 + c.below(2);
        f.set_int(Field::Offer, offer as i64);
        f.set_int(Field::Network, (offer % 15) as i64);
        let source = campaign % 12;
        f.set_int(Field::Source, source as i64);
        f.set_int(Field::Workspace, 1);
        f.set_int(Field::Revision, (self.sequence / 100_000) as i64 + 40);
        let ad = campaign * 10 + c.skewed(6);
        let group = ad * 10 + c.skewed(5);
        let creative = group * 10 + c.skewed(8);
        f.set_text(Field::AdCampaignId, &format!("1202{:011}", ad * 7919));
        f.set_text(Field::AdCampaignName, &format!("Campaign {ad} | conversions"));
        f.set_text(Field::AdGroupId, &format!("1203{:011}", group * 104_729));
        f.set_text(Field::AdGroupName, &format!("Group {group} broad"));
        f.set_text(Field::CreativeId, &format!("1204{:011}", creative * 15_485));
        f.set_text(Field::CreativeName, &format!("video {creative} v2"));
        f.set_text(Field::Placement, &format!("site-{}.example.com", c.skewed(50_000)));
        f.set_text(Field::Publisher, &format!("pub{}", c.skewed(900)));
        if source > 6 {
            f.set_text(Field::Keyword, &format!("buy thing {}", c.skewed(4000)));
        }
        f.set_text(Field::Sub1, &format!("s{}", c.skewed(300)));
        let agent = c.skewed(self.agents.len() as u64) as usize;
        f.set_text(Field::UserAgent, &self.agents[agent]);
        let os = ["iOS", "Android", "Windows", "macOS"][agent % 4];
        f.set_text(Field::Device, ["phone", "phone", "desktop", "desktop"][agent % 4]);
        f.set_text(Field::Brand, ["Apple", "Samsung", "", "Apple"][agent % 4]);
        f.set_text(
            Field::Model,
            &if agent % 4 == 1 { format!("SM-{}", agent % 80) } else { String::new() },
        );
        f.set_text(Field::Os, os);
        f.set_text(Field::OsVersion, &format!("{}.{}", agent % 19, agent % 7));
        f.set_text(Field::Browser, ["Safari", "Chrome", "Edge", "Firefox"][agent % 3]);
        f.set_text(Field::BrowserVersion, &format!("{}.0", 120 + agent % 30));
        let country = c.skewed(90);
        f.set_text(Field::Language, &format!("{}{}", (b'a' + (country % 26) as u8) as char, 'e'));
        f.set_text(
            Field::Country,
            &format!(
                "{}{}",
                (b'A' + (country % 26) as u8) as char,
                (b'A' + (country / 26) as u8) as char
            ),
        );
        let region = country * 20 + c.skewed(20);
        f.set_text(Field::Region, &format!("Region {region}"));
        let city = region * 40 + c.skewed(40);
        f.set_text(Field::City, &format!("City of {city}"));
        let asn = country * 50 + c.skewed(50);
        f.set_int(Field::Asn, asn as i64 * 13 + 1000);
        f.set_text(Field::Isp, &format!("Telecom Provider {asn} Ltd"));
        f.set_text(Field::Connection, if asn.is_multiple_of(3) { "mobile" } else { "fixed" });
        let ip = c.next() as u32;
        let [a, b, d, e] = ip.to_be_bytes();
        f.set_text(Field::Ip, &format!("{}.{b}.{d}.{e}", a % 223 + 1));
        let host = format!("site-{}.example.com", c.skewed(20_000));
        f.set_text(Field::Referrer, &format!("https://{host}/"));
        f.set_text(Field::ReferrerHost, &host);
        f.set_text(Field::Method, "GET");
        f.set_text(Field::Kind, "redirect");
        let bot = c.below(25) == 0;
        f.set_flag(Field::Bot, bot);
        if bot {
            f.set_text(Field::BotReason, "hosting");
        }
        let unique = c.below(4) > 0;
        f.set_flag(Field::UniqueCampaign, unique);
        f.set_flag(Field::UniqueFlow, unique);
        f.set_flag(Field::UniqueAll, unique);
        let cost = 10_000 + c.skewed(90) as i64 * 1000;
        f.push_int(tag::COST, cost);
        f.push_bytes(tag::COST_CURRENCY, b"USD");
        f.push_int(tag::VISITOR, c.next() as i64);
        if self.external {
            let id: String = (0..91).map(|_| (b'a' + c.below(26) as u8) as char).collect();
            f.push_bytes(tag::PLATFORM_ID, format!("gclid={id}").as_bytes());
            f.set_text(Field::PlatformIdKind, "gclid");
            let query = format!(
                "utm_campaign=Campaign+{ad}&campaignid=1202{:011}&adgroupid={group}&creative={creative}&placement={host}&gclid={id}",
                ad * 7919
            );
            f.push_bytes(tag::RAW_QUERY, query.as_bytes());
        }
        Row {
            kind: RowKind::Click,
            key,
            event_ms: key.time_ms(),
            sequence: self.sequence,
            count: 1,
            cost,
            revenue: 0,
            facts: f,
        }
    }

    /// The conversion of a click, some time later.
    pub fn conversion(&mut self, click: &Row) -> Row {
        let c = &mut self.chance;
        let mut facts = Facts::for_click();
        facts.extend(&click.facts, |tag| tag < 200);
        facts.set_text(Field::ConversionType, "sale");
        facts.set_text(Field::ConversionStatus, "approved");
        facts.set_text(Field::Txid, &format!("T{:016x}", c.next()));
        facts.set_text(Field::Currency, "USD");
        let delay_ms = (c.skewed(86_400_000 * 3)) as i64;
        Row {
            kind: RowKind::Entry,
            event_ms: click.event_ms + delay_ms,
            cost: 0,
            revenue: 1_000_000 + c.below(40_000_000) as i64,
            facts,
            ..*click
        }
    }
}
