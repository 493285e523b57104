//! Measures place and network look-ups at random v4 addresses: the files as they are against the tables
//! compiled from them, in turns.
//!
//! `cargo run --release -p lookup --example measure_geo -- CITY.mmdb … ASN.csv …`: `.mmdb` files are places, other
//! files are networks. The tables are written to a temporary folder. All times are on a
//! processor, so that other programs on the machine do not count (Linux; one thread).
#![expect(clippy::print_stdout, reason = "a measuring tool talks to its user")]

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lookup::{Geo, GeoFiles};

const ADDRESSES: usize = 1_000_000;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let (city, asn): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .map(PathBuf::from)
        .partition(|path| path.extension().is_some_and(|end| end == "mmdb"));
    let folder = tempfile::tempdir()?;
    let place_table = folder.path().join("places.table");
    let network_table = folder.path().join("networks.table");
    compile("place table", &place_table, || lookup::compile_places(&city, &place_table))?;
    compile("network table", &network_table, || lookup::compile_asn(&asn, &network_table))?;

    let of = |city: Vec<PathBuf>, asn: Vec<PathBuf>| GeoFiles { city, asn, connection: None };
    let files = Geo::open(&of(city, Vec::new()))?;
    let tables = Geo::open(&of(vec![place_table], vec![network_table]))?;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let v4: Vec<IpAddr> =
        (0..ADDRESSES).map(|_| Ipv4Addr::from((next(&mut random) >> 32) as u32).into()).collect();
    // What is assigned lies close together: 2400::/12, 2600::/12, 2a00::/12, each only at its beginning.
    let assigned = |random: u64| {
        let registry = [0x240_u64, 0x260, 0x2a0][(random >> 62) as usize % 3];
        Ipv6Addr::from(u128::from(registry << 52 | random & 0x0007_FFFF_FFFF_FFFF) << 64)
    };
    let v6: Vec<IpAddr> = (0..ADDRESSES).map(|_| assigned(next(&mut random)).into()).collect();

    memory("before the look-ups");
    let mut best = [f64::MAX; 5];
    for round in 0..ROUNDS {
        let costs = [
            cost_ns(&v4, |ip| files.place(ip).city.len()),
            cost_ns(&v4, |ip| tables.place(ip).city.len()),
            cost_ns(&v4, |ip| tables.network(ip).isp.len()),
            cost_ns(&v6, |ip| files.place(ip).city.len()),
            cost_ns(&v6, |ip| tables.place(ip).city.len()),
        ];
        println!(
            "round {round}: v4 place {:.0} ns from files, {:.0} ns from the table; network {:.0} ns; v6 place {:.0} ns, {:.0} ns",
            costs[0], costs[1], costs[2], costs[3], costs[4]
        );
        best = std::array::from_fn(|at| best[at].min(costs[at]));
    }
    memory("after the look-ups");
    println!(
        "best: v4 place {:.0} ns from files, {:.0} ns from the table; network {:.0} ns; v6 place {:.0} ns, {:.0} ns",
        best[0], best[1], best[2], best[3], best[4]
    );
    Ok(())
}

fn compile(
    what: &str,
    out: &Path,
    compile: impl FnOnce() -> Result<(), lookup::LookupError>,
) -> Result<(), Box<dyn Error>> {
    let start = cpu_time();
    compile()?;
    let took = cpu_time().saturating_sub(start);
    println!("{what}: compiled in {took:.2?}, {} bytes", out.metadata()?.len());
    memory("after compiling");
    Ok(())
}

fn cost_ns(addresses: &[IpAddr], find: impl Fn(IpAddr) -> usize) -> f64 {
    let start = cpu_time();
    for ip in addresses {
        black_box(find(*ip));
    }
    let took = cpu_time().saturating_sub(start);
    took.as_nanos() as f64 / addresses.len() as f64
}

/// Splitmix64 (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let running_ns = schedstat.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(running_ns.unwrap_or(0))
}

fn memory(when: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned()
    };
    println!("{when}: RSS {}, anonymous {}", field("VmRSS:"), field("RssAnon:"));
}
