//! Addresses of visitors, drawn from the geo tables: random public ones are looked up until every country has its own.

use super::random::Random;
use lookup::Geo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Enough of a country: what is drawn from is the network around each.
const ENOUGH: usize = 1_500;
/// Look-ups at most. A number and not a time, so that the same seed finds the same addresses: about two seconds.
const LOOKUPS_MAX: usize = 1_200_000;
/// One look-up of so many is of IPv6.
const EVERY_V6: usize = 4;
/// The share of visitors who come by IPv6, where the country has any.
const V6_SHARE: f64 = 0.3;
/// Beginnings of the IPv6 blocks that people get addresses from (IANA, IPv6 Global Unicast Address Assignments).
const V6_BLOCKS: [u16; 12] = [
    0x2400, 0x2401, 0x2404, 0x2405, 0x2409, 0x2600, 0x2601, 0x2603, 0x2804, 0x2806, 0x2a01, 0x2a02,
];
/// The generator of the search, and of what is taken when nothing is found.
const STREAM: u64 = 2;

/// Networks by country.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    countries: Vec<Pool>,
    hosting: Vec<Ipv4Addr>,
}

#[derive(Clone, Debug, Default)]
struct Pool {
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
}

impl Addresses {
    /// Finds networks of each country in `codes`. What stays empty, as all does without geo tables, is filled with
    /// random public addresses.
    pub fn find(geo: &Geo, codes: &[&str], seed: u64) -> Self {
        let mut random = Random::of(seed, STREAM, 0);
        let mut found = Self { countries: vec![Pool::default(); codes.len()], hosting: Vec::new() };
        let has_places =
            geo.place(IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8))) != lookup::Place::default();
        let lookups = if has_places { LOOKUPS_MAX } else { 0 };
        for turn in 0..lookups {
            if turn % EVERY_V6 == 0 {
                found.take_v6(geo, codes, public_v6(&mut random));
            } else {
                found.take_v4(geo, codes, public_v4(&mut random));
            }
            if turn % 4096 == 0 && found.countries.iter().all(|pool| pool.v4.len() >= ENOUGH) {
                break;
            }
        }
        for pool in found.countries.iter_mut().filter(|pool| pool.v4.is_empty()) {
            pool.v4 = (0..ENOUGH).map(|_| public_v4(&mut random)).collect();
        }
        if found.hosting.is_empty() {
            found.hosting = (0..ENOUGH).map(|_| public_v4(&mut random)).collect();
        }
        found
    }

    fn take_v4(&mut self, geo: &Geo, codes: &[&str], ip: Ipv4Addr) {
        let country = geo.place(IpAddr::V4(ip)).country;
        let Some(place) = codes.iter().position(|code| *code == country) else { return };
        let Some(pool) = self.countries.get_mut(place).filter(|pool| pool.v4.len() < ENOUGH) else {
            return;
        };
        if !geo.network(IpAddr::V4(ip)).hosting {
            pool.v4.push(ip);
        } else if self.hosting.len() < ENOUGH {
            self.hosting.push(ip);
        }
    }

    fn take_v6(&mut self, geo: &Geo, codes: &[&str], ip: Ipv6Addr) {
        let country = geo.place(IpAddr::V6(ip)).country;
        let Some(place) = codes.iter().position(|code| *code == country) else { return };
        let Some(pool) = self.countries.get_mut(place).filter(|pool| pool.v6.len() < ENOUGH) else {
            return;
        };
        if !geo.network(IpAddr::V6(ip)).hosting {
            pool.v6.push(ip);
        }
    }

    /// An address of a visitor in the country with this place in the list.
    pub fn draw(&self, country: usize, random: &mut Random) -> IpAddr {
        let Some(pool) = self.countries.get(country) else { return IpAddr::V4(public_v4(random)) };
        let wants_v6 = random.chance(V6_SHARE);
        match random.one_of(&pool.v6).filter(|_| wants_v6) {
            Some(ip) => IpAddr::V6(Ipv6Addr::from_bits(
                ip.to_bits() >> 64 << 64 | u128::from(random.bits()),
            )),
            None => IpAddr::V4(neighbour(random.one_of(&pool.v4).copied(), random)),
        }
    }

    /// An address where servers are rented.
    pub fn draw_hosting(&self, random: &mut Random) -> IpAddr {
        IpAddr::V4(neighbour(random.one_of(&self.hosting).copied(), random))
    }
}

/// Another address of the same /24, which is hardly ever split among countries.
fn neighbour(ip: Option<Ipv4Addr>, random: &mut Random) -> Ipv4Addr {
    let ip = ip.unwrap_or_else(|| public_v4(random));
    Ipv4Addr::from_bits(ip.to_bits() & !0xff | (random.bits() & 0xff) as u32)
}

/// A random address that can be on the Internet (RFC 6890, and class A networks of the US military left out).
fn public_v4(random: &mut Random) -> Ipv4Addr {
    loop {
        let ip = Ipv4Addr::from_bits(random.bits() as u32);
        let [a, b, c, _] = ip.octets();
        let is_shared = a == 100 && (64..128).contains(&b);
        let is_special = matches!(
            (a, b, c),
            (192, 0, _) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99)
        );
        if !(matches!(a, 0 | 6 | 7 | 11 | 21 | 22 | 26 | 28..=30 | 33 | 55 | 214 | 215 | 224..)
            || ip.is_private()
            || ip.is_loopback()
            || ip.is_link_local()
            || is_shared
            || is_special)
        {
            return ip;
        }
    }
}

fn public_v6(random: &mut Random) -> Ipv6Addr {
    let block = random.one_of(&V6_BLOCKS).copied().unwrap_or(V6_BLOCKS[0]);
    Ipv6Addr::from_bits(
        u128::from(block) << 112
            | u128::from(random.bits() & 0xffff_ffff_ffff) << 64
            | u128::from(random.bits()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn without_tables_every_country_has_public_addresses() {
        let addresses = Addresses::find(&Geo::default(), &["US", "DE"], 1);
        let mut random = Random::of(1, 9, 9);
        let drawn: HashSet<IpAddr> = (0..2000).map(|_| addresses.draw(1, &mut random)).collect();
        assert!(drawn.len() > 1900, "{}", drawn.len());
        assert!(
            drawn
                .iter()
                .all(|ip| matches!(ip, IpAddr::V4(ip) if !ip.is_private() && !ip.is_multicast()))
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_addresses() {
        let draw = |seed| {
            let addresses = Addresses::find(&Geo::default(), &["US"], seed);
            let mut random = Random::of(seed, 9, 9);
            [addresses.draw(0, &mut random), addresses.draw_hosting(&mut random)]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn no_random_address_is_special() {
        let mut random = Random::of(3, 3, 3);
        for _ in 0..100_000 {
            let ip = public_v4(&mut random);
            assert!(
                !ip.is_private()
                    && !ip.is_loopback()
                    && !ip.is_documentation()
                    && !ip.is_multicast(),
                "{ip}"
            );
            assert_eq!(public_v6(&mut random).segments()[0] >> 12, 2);
        }
    }
}
