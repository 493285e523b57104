//! Measures what the look-ups cost: processor time to load, resident memory, processor time per look-up.
//!
//! `cargo run --release -p lookup --example measure_agents -- USER_AGENTS.txt [CITY.mmdb …] [ASN.csv …]`: the first file has a
//! user agent per line; `.mmdb` files are places, other files are networks.
#![expect(clippy::print_stdout, reason = "a measuring tool talks to its user")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use lookup::{Agents, Geo, GeoFiles, Hints};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let user_agents =
        std::fs::read_to_string(arguments.next().ok_or("name a file of user agents")?)?;
    let mut user_agents: Vec<&str> = user_agents.lines().collect();
    user_agents.sort_unstable();
    user_agents.dedup();
    let (city, asn): (Vec<_>, Vec<_>) =
        arguments.partition(|path| path.extension().is_some_and(|e| e == "mmdb"));

    report("at start", Duration::ZERO);
    let start = CpuTime::now();
    let geo = Geo::open(&GeoFiles { city, asn, connection: None })?;
    report("geo tables loaded", start.elapsed());
    let start = CpuTime::now();
    let agents = Agents::load()?;
    report("agent tables loaded", start.elapsed());

    let none = Hints::default();
    let start = CpuTime::now();
    for user_agent in &user_agents {
        black_box(agents.read(user_agent, &none));
    }
    per_item("read a new user agent", start.elapsed(), user_agents.len());
    report("after them", Duration::ZERO);

    let few = user_agents.get(..user_agents.len().min(1000)).unwrap_or_default();
    let start = CpuTime::now();
    for _ in 0..500 {
        for user_agent in few {
            black_box(agents.read(user_agent, &none));
        }
    }
    per_item("read a known user agent", start.elapsed(), 500 * few.len());

    let addresses: Vec<IpAddr> =
        (0..1_000_000_u32).map(|n| Ipv4Addr::from(n.wrapping_mul(0x9E37_79B9)).into()).collect();
    let start = CpuTime::now();
    for ip in &addresses {
        black_box(geo.place(*ip));
    }
    per_item("place", start.elapsed(), addresses.len());
    let start = CpuTime::now();
    for ip in &addresses {
        black_box(geo.network(*ip));
    }
    per_item("network", start.elapsed(), addresses.len());
    report("at the end", Duration::ZERO);
    Ok(())
}

/// Time on a processor, so that other programs on the machine do not count (Linux; this program has
/// one thread).
struct CpuTime(u64);

impl CpuTime {
    fn now() -> Self {
        let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
        let running_ns = schedstat.split(' ').next().and_then(|field| field.parse().ok());
        Self(running_ns.unwrap_or(0))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}

fn per_item(what: &str, elapsed: Duration, count: usize) {
    println!("{what:<28}{:>10.0} ns  ({count})", elapsed.as_nanos() as f64 / count.max(1) as f64);
}

fn report(what: &str, elapsed: Duration) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned()
    };
    println!(
        "{what:<28}{:>10.1} ms  RSS {}  anonymous {}",
        elapsed.as_secs_f64() * 1e3,
        field("VmRSS:"),
        field("RssAnon:")
    );
}
