//! THE table of fields: every dimension a click or conversion has, one row each.
//!
//! Column names, the API's enum, CSV heads, labels, tokens, the codec's tags and the operators of a
//! filter derive from it. Adding a dimension is one row here (and a migration where it has a column).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What a field describes; fields are listed in the order of their groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Things the operator set up.
    Ours,
    /// What the ad platform says about its ad.
    Ad,
    /// Ids of the click, ours and foreign ones.
    Ids,
    /// Buckets of time in the query's zone.
    Time,
    /// The visitor's device and software.
    Device,
    /// Where the visitor is.
    Place,
    /// The request itself.
    Request,
    /// What we think of the click.
    Verdict,
    /// What came of it.
    Conversion,
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// Number of a thing in the catalog; the API adds its name.
    Thing,
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A click id.
    ClickId,
}

/// Where the store keeps a field. Width costs ingest time, so rare fields share one map column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A column of its own.
    Column,
    /// A bit of the column `flags`.
    Flag(u8),
    /// A key of the map column `rest`.
    Rest,
    /// Computed from other columns when asked for.
    Derived,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct FieldRow {
    /// The field.
    pub field: Field,
    /// Its name in queries, tokens, columns and CSV heads.
    pub name: &'static str,
    /// Its name on a screen.
    pub label: &'static str,
    /// What it describes.
    pub group: Group,
    /// The type of its values.
    pub kind: ValueKind,
    /// Where the store keeps it.
    pub home: Home,
}

macro_rules! fields {
    ($($tag:literal $variant:ident $name:literal $label:literal $group:ident $kind:ident $home:expr;)*) => {
        /// A dimension. The number is its tag in the journal and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "the label in the table says it")]
        pub enum Field { $($variant = $tag,)* }

        /// The table, in the order in which fields are shown.
        pub const FIELDS: &[FieldRow] = &[
            $(FieldRow {
                field: Field::$variant, name: $name, label: $label,
                group: Group::$group, kind: ValueKind::$kind, home: $home,
            },)*
        ];

        impl Field {
            /// The field's row.
            pub const fn row(self) -> &'static FieldRow {
                &FIELDS[self.position()]
            }

            /// The field's place in [`FIELDS`].
            pub const fn position(self) -> usize {
                POSITIONS[self as usize] as usize
            }

            /// The field with this tag, if this version knows it.
            pub const fn from_tag(tag: u16) -> Option<Self> {
                match tag { $($tag => Some(Self::$variant),)* _ => None }
            }

            const fn from_name(name: &str) -> Option<Self> {
                $(if equal(name, $name) { return Some(Self::$variant); })*
                None
            }
        }
    };
}

use Home::{Column, Derived, Flag, Rest};

fields! {
    1 Campaign "campaign" "Campaign" Ours Thing Column;
    2 Flow "flow" "Flow" Ours Thing Column;
    3 Rule "rule" "Rule" Ours Int Column;
    4 Path "path" "Path" Ours Int Column;
    5 Lander "lander" "Lander" Ours Thing Column;
    6 Offer "offer" "Offer" Ours Thing Column;
    7 Network "network" "Network" Ours Thing Column;
    8 Source "source" "Source" Ours Thing Column;
    9 Domain "domain" "Domain" Ours Thing Column;
    10 Workspace "workspace" "Workspace" Ours Thing Column;
    11 Revision "revision" "Configuration revision" Ours Int Column;
    12 Rerouted "rerouted" "Rerouted" Ours Bool Flag(0);

    20 AdCampaignId "ad_campaign_id" "Ad campaign ID" Ad Text Column;
    21 AdCampaignName "ad_campaign_name" "Ad campaign" Ad Text Column;
    22 AdGroupId "ad_group_id" "Ad group ID" Ad Text Column;
    23 AdGroupName "ad_group_name" "Ad group" Ad Text Column;
    24 CreativeId "creative_id" "Creative ID" Ad Text Column;
    25 CreativeName "creative_name" "Creative" Ad Text Column;
    26 Placement "placement" "Placement" Ad Text Column;
    27 Publisher "publisher" "Publisher" Ad Text Column;
    28 Widget "widget" "Widget" Ad Text Rest;
    29 Keyword "keyword" "Keyword" Ad Text Column;
    30 MatchType "match_type" "Match type" Ad Text Rest;

    40 ClickId "click_id" "Click ID" Ids ClickId Derived;
    41 ExternalId "external_id" "Source's click ID" Ids Text Column;
    42 PlatformIdKind "platform_id_kind" "Platform ID kind" Ids Text Column;
    43 Sub1 "sub1" "Sub ID 1" Ids Text Column;
    44 Sub2 "sub2" "Sub ID 2" Ids Text Column;
    45 Sub3 "sub3" "Sub ID 3" Ids Text Column;
    46 Sub4 "sub4" "Sub ID 4" Ids Text Rest;
    47 Sub5 "sub5" "Sub ID 5" Ids Text Rest;
    48 Sub6 "sub6" "Sub ID 6" Ids Text Rest;
    49 Sub7 "sub7" "Sub ID 7" Ids Text Rest;
    50 Sub8 "sub8" "Sub ID 8" Ids Text Rest;
    51 Sub9 "sub9" "Sub ID 9" Ids Text Rest;
    52 Sub10 "sub10" "Sub ID 10" Ids Text Rest;
    53 Sub11 "sub11" "Sub ID 11" Ids Text Rest;
    54 Sub12 "sub12" "Sub ID 12" Ids Text Rest;
    55 Sub13 "sub13" "Sub ID 13" Ids Text Rest;
    56 Sub14 "sub14" "Sub ID 14" Ids Text Rest;
    57 Sub15 "sub15" "Sub ID 15" Ids Text Rest;
    58 Sub16 "sub16" "Sub ID 16" Ids Text Rest;
    59 Sub17 "sub17" "Sub ID 17" Ids Text Rest;
    60 Sub18 "sub18" "Sub ID 18" Ids Text Rest;
    61 Sub19 "sub19" "Sub ID 19" Ids Text Rest;
    62 Sub20 "sub20" "Sub ID 20" Ids Text Rest;

    70 Minute "minute" "Minute" Time Text Derived;
    71 Hour "hour" "Hour" Time Text Derived;
    72 Day "day" "Day" Time Text Derived;
    73 Week "week" "Week" Time Text Derived;
    74 Month "month" "Month" Time Text Derived;
    75 Weekday "weekday" "Weekday" Time Int Derived;
    76 HourOfDay "hour_of_day" "Hour of day" Time Int Derived;
    77 WeekdayHour "weekday_hour" "Weekday and hour" Time Int Derived;
    78 SecondsToConversion "seconds_to_conversion" "Seconds to conversion" Time Int Derived;

    80 Device "device" "Device" Device Text Column;
    81 Brand "brand" "Brand" Device Text Column;
    82 Model "model" "Model" Device Text Column;
    83 Os "os" "OS" Device Text Column;
    84 OsVersion "os_version" "OS version" Device Text Column;
    85 Browser "browser" "Browser" Device Text Column;
    86 BrowserVersion "browser_version" "Browser version" Device Text Column;
    87 Language "language" "Language" Device Text Column;

    90 Country "country" "Country" Place Text Column;
    91 Region "region" "Region" Place Text Column;
    92 City "city" "City" Place Text Column;
    93 Asn "asn" "ASN" Place Int Column;
    94 Isp "isp" "ISP" Place Text Column;
    95 Connection "connection" "Connection" Place Text Column;
    96 Ip "ip" "IP address" Place Text Column;
    97 IpNet "ip_net" "IP network" Place Text Derived;

    100 UserAgent "user_agent" "User agent" Request Text Column;
    101 Referrer "referrer" "Referrer" Request Text Column;
    102 ReferrerHost "referrer_host" "Referrer host" Request Text Column;
    103 LandingUrl "landing_url" "Landing URL" Request Text Rest;
    104 Method "method" "Method" Request Text Column;
    105 Kind "kind" "Kind" Request Text Column;
    106 Viewed "viewed" "Seen on the page" Request Bool Flag(9);
    107 Event "event" "Page event" Request Text Rest;

    110 Bot "bot" "Bot" Verdict Bool Flag(1);
    111 BotReason "bot_reason" "Bot reason" Verdict Text Column;
    112 UniqueCampaign "unique_campaign" "Unique in campaign" Verdict Bool Flag(2);
    113 UniqueFlow "unique_flow" "Unique in flow" Verdict Bool Flag(3);
    114 UniqueAll "unique_all" "Unique in all" Verdict Bool Flag(4);
    115 Duplicate "duplicate" "Duplicate" Verdict Bool Flag(5);
    116 Test "test" "Test" Verdict Bool Flag(6);
    117 Unlogged "unlogged" "Unlogged" Verdict Bool Flag(7);
    118 ClockSuspect "clock_suspect" "Clock suspect" Verdict Bool Flag(8);
    119 Consent "consent" "Consent" Verdict Text Rest;

    120 ConversionType "conversion_type" "Conversion type" Conversion Text Column;
    121 ConversionStatus "conversion_status" "Conversion status" Conversion Text Column;
    122 Txid "txid" "Transaction ID" Conversion Text Column;
    123 P1 "p1" "Parameter 1" Conversion Text Rest;
    124 P2 "p2" "Parameter 2" Conversion Text Rest;
    125 P3 "p3" "Parameter 3" Conversion Text Rest;
    126 P4 "p4" "Parameter 4" Conversion Text Rest;
    127 P5 "p5" "Parameter 5" Conversion Text Rest;
    128 Currency "currency" "Currency" Conversion Text Column;
}

/// One past the largest tag a field may have; larger tags are structural ([`crate::record::tag`]).
pub const FIELD_TAG_END: u16 = 200;

/// Place in [`FIELDS`] by tag.
const POSITIONS: [u8; FIELD_TAG_END as usize] = {
    let mut positions = [0u8; FIELD_TAG_END as usize];
    let mut i = 0;
    while i < FIELDS.len() {
        positions[FIELDS[i].field as usize] = i as u8;
        i += 1;
    }
    positions
};

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Sub ids, first to twentieth.
pub fn sub(number: u16) -> Option<Field> {
    (1..=20).contains(&number).then(|| Field::from_tag(Field::Sub1 as u16 + number - 1)).flatten()
}

impl Field {
    /// The tag in the journal.
    pub const fn tag(self) -> u16 {
        self as u16
    }

    /// The name in queries, tokens, columns and CSV heads.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether a value of this field may come from a traffic source's parameter.
    pub const fn from_source(self) -> bool {
        matches!(self.row().group, Group::Ad)
            || matches!(self, Self::ExternalId)
            || (self as u16 >= Self::Sub1 as u16 && self as u16 <= Self::Sub20 as u16)
    }
}

/// A name that no field has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no field `{0}`; GET /api/v1/reports/fields lists them")]
pub struct UnknownField(pub String);

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Self::from_name(name).ok_or_else(|| UnknownField(name.to_owned()))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Field {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("name of a field"))
            .enum_values(Some(FIELDS.iter().map(|row| row.name)))
            .into()
    }
}

impl utoipa::ToSchema for Field {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_field_is_found_by_its_tag_and_its_name() {
        for row in FIELDS {
            assert_eq!(row.field.row().name, row.name);
            assert_eq!(Field::from_tag(row.field.tag()), Some(row.field));
            assert_eq!(row.name.parse(), Ok(row.field));
        }
        assert!("colour".parse::<Field>().is_err());
    }

    #[test]
    fn names_and_flag_bits_are_unique() {
        let names: HashSet<_> = FIELDS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        let bits: Vec<u8> = FIELDS
            .iter()
            .filter_map(|row| if let Flag(bit) = row.home { Some(bit) } else { None })
            .collect();
        assert_eq!(bits.iter().collect::<HashSet<_>>().len(), bits.len());
        for row in FIELDS {
            assert_eq!(matches!(row.home, Flag(_)), row.kind == ValueKind::Bool, "{}", row.name);
        }
    }

    #[test]
    fn sub_ids_are_twenty() {
        assert_eq!(sub(1), Some(Field::Sub1));
        assert_eq!(sub(20), Some(Field::Sub20));
        assert_eq!((sub(0), sub(21)), (None, None));
    }
}
