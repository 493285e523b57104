//! What the value of a field is in a row: the meaning that every backend's SQL must reproduce.

use model::Field;
use model::event::{Row, RowKind};
use model::field::{Home, ValueKind};
use model::query::{Cell, TimeBasis, TimeBucket, ZoneOffsets};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The value of `field`: numbers of things, whole numbers and click keys as [`Cell::Int`], time fields
/// as the numbers of [`TimeBucket`], truths as [`Cell::Bool`] (absent is false), texts as
/// [`Cell::Text`]; [`Cell::Null`] where the row has none.
pub fn field_value(row: &Row, field: Field, time: TimeBasis, zone: &ZoneOffsets) -> Cell {
    let whole = |value: Option<i64>| value.map_or(Cell::Null, Cell::Int);
    if let Some(bucket) = TimeBucket::of(field, row_time_ms(row, time), zone) {
        return Cell::Int(bucket);
    }
    match (field, field.row().home, field.row().kind) {
        (Field::ClickId, ..) if row.kind == RowKind::Spend => Cell::Null,
        (Field::ClickId, ..) => Cell::Int(row.key.0),
        (Field::IpNet, ..) => {
            row.facts.text(Field::Ip).and_then(ip_net).map_or(Cell::Null, Cell::Text)
        }
        (Field::SecondsToConversion, ..) => whole(seconds_to_conversion(row)),
        (Field::Workspace, ..) => Cell::Int(row.workspace().into()),
        (_, Home::Flag(_), _) => Cell::Bool(row.facts.flag(field)),
        (_, _, ValueKind::Text) => {
            row.facts.text(field).map_or(Cell::Null, |text| Cell::Text(text.to_owned()))
        }
        _ => whole(row.facts.int(field)),
    }
}

/// The time of a row that counts.
pub(crate) fn row_time_ms(row: &Row, time: TimeBasis) -> i64 {
    match time {
        TimeBasis::Click => row.key.time_ms(),
        TimeBasis::Event => row.event_ms,
    }
}

/// Whole seconds from the click to a ledger entry, rounded down; nothing else has any.
pub fn seconds_to_conversion(row: &Row) -> Option<i64> {
    (row.kind == RowKind::Entry).then(|| (row.event_ms - row.key.time_ms()).div_euclid(1000))
}

/// The network of an address: the /24 of IPv4, the /48 of IPv6 (also of an address that was stored as
/// its network already); none for what is no address, such as a hash.
pub fn ip_net(text: &str) -> Option<String> {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    Some(match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_addresses() {
        for (address, network) in [
            ("192.0.2.77", Some("192.0.2.0/24")),
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("2001:db8:1:2::3", Some("2001:db8:1::/48")),
            ("::ffff:192.0.2.77", Some("192.0.2.0/24")),
            ("01.2.3.4", None),
            ("c0ffee", None),
            ("", None),
        ] {
            assert_eq!(ip_net(address).as_deref(), network, "{address}");
        }
    }
}
