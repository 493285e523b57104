//! Where an address is and which network announces it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use crate::LookupError;
use crate::hosting::{self, Kind};
use crate::mmdb::{Database, NetworkRecord};
use crate::networks::Networks;
use crate::places::Places;

/// Which files to use; with none, every answer is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeoFiles {
    /// Places: MaxMind DB files (one that covers both address families, or one for each), or a table
    /// compiled from them by [`crate::compile_places`]. The first that knows an address answers.
    pub city: Vec<PathBuf>,
    /// Networks: CSV files, or one compiled by [`crate::compile_asn`], or MaxMind DB files (ASN or ISP).
    pub asn: Vec<PathBuf>,
    /// A GeoIP2 connection-type database.
    pub connection: Option<PathBuf>,
}

/// A place; what is not known is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// ISO 3166-1 alpha-2, upper case.
    pub country: &'a str,
    /// First-level subdivision, English name.
    pub region: &'a str,
    /// English name.
    pub city: &'a str,
}

/// A network; what is not known is empty, zero or false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Network<'a> {
    /// Number of the autonomous system; 0 when unknown.
    pub asn: u32,
    /// The provider, or the system's organisation.
    pub isp: &'a str,
    /// Servers are rented there: a sign of a bot, never a proof.
    pub hosting: bool,
    /// Carries people's traffic for a privacy relay: not a sign of a bot.
    pub relay: bool,
    /// Belongs to an advertising platform.
    pub platform: bool,
    /// `cellular`, `cable_dsl`, `corporate`, `dialup`, `satellite`, `hosting`, or empty.
    pub connection: &'a str,
}

/// Opened tables.
#[derive(Default)]
pub struct Geo {
    places: Vec<Places>,
    networks: Option<Networks>,
    network_databases: Vec<Database>,
    connections: Option<Database>,
    attribution: Vec<&'static str>,
}

impl Geo {
    /// Opens every file and refuses one that cannot be used.
    ///
    /// # Errors
    /// [`LookupError`] with the file's path.
    pub fn open(files: &GeoFiles) -> Result<Self, LookupError> {
        let open = |paths: &[PathBuf]| -> Result<Vec<Database>, LookupError> {
            paths.iter().map(|path| Database::open(path)).collect()
        };
        let is_database = |path: &PathBuf| path.extension().is_some_and(|end| end == "mmdb");
        let (databases, tables): (Vec<_>, Vec<_>) =
            files.asn.iter().cloned().partition(is_database);
        let networks = if tables.is_empty() { None } else { Some(Networks::open(&tables)?) };
        let mut geo = Self {
            places: files.city.iter().map(|path| Places::open(path)).collect::<Result<_, _>>()?,
            network_databases: open(&databases)?,
            connections: files.connection.as_deref().map(Database::open).transpose()?,
            attribution: networks.iter().map(|_| NETWORK_TABLE_ATTRIBUTION).collect(),
            networks,
        };
        geo.attribution.extend(geo.places.iter().flat_map(Places::attribution));
        let databases = geo.network_databases.iter().chain(&geo.connections);
        geo.attribution.extend(databases.filter_map(Database::attribution));
        geo.attribution.sort_unstable();
        geo.attribution.dedup();
        Ok(geo)
    }

    /// The place of an address; v4 addresses written as v6 (`::ffff:192.0.2.1`) are v4.
    pub fn place(&self, ip: IpAddr) -> Place<'_> {
        let ip = ip.to_canonical();
        self.places.iter().find_map(|file| file.find(ip)).unwrap_or_default()
    }

    /// The network of an address.
    pub fn network(&self, ip: IpAddr) -> Network<'_> {
        let ip = ip.to_canonical();
        let (asn, isp) = self.system(ip).unwrap_or_default();
        let Kind { hosting, relay, platform } = hosting::kind(asn);
        let connection = if hosting { "hosting" } else { self.connection(ip) };
        Network { asn, isp, hosting, relay, platform, connection }
    }

    /// The lines that the licences of the tables in use ask to be shown where their answers are.
    pub fn attribution(&self) -> &[&'static str] {
        &self.attribution
    }

    /// How many records did not decode since the files were opened or compiled: more than none means a damaged file.
    pub fn unreadable_records(&self) -> u64 {
        let databases = self.network_databases.iter().chain(&self.connections);
        let places = self.places.iter().map(Places::unreadable_records);
        places.chain(databases.map(Database::unreadable_records)).sum()
    }

    fn system(&self, ip: IpAddr) -> Option<(u32, &str)> {
        let record =
            self.network_databases.iter().find_map(|file| file.find::<NetworkRecord<'_>>(ip));
        match record {
            Some(found) => Some((found.autonomous_system_number, found.provider())),
            None => self.networks.as_ref()?.find(ip),
        }
    }

    fn connection(&self, ip: IpAddr) -> &str {
        let record = self.connections.as_ref().and_then(|file| file.find::<NetworkRecord<'_>>(ip));
        match record.and_then(|record| record.connection_type) {
            Some("Cable/DSL") => "cable_dsl",
            Some("Cellular") => "cellular",
            Some("Corporate") => "corporate",
            Some("Dialup") => "dialup",
            Some("Satellite") => "satellite",
            Some(other) => other,
            None => "",
        }
    }
}

/// What the licence (CC BY 4.0) of the tables in `@ip-location-db/asn` asks for.
const NETWORK_TABLE_ATTRIBUTION: &str = "Network data by RouteViews (https://www.routeviews.org) and DB-IP (https://db-ip.com), CC BY 4.0";

/// The tables in use, exchanged as a whole while others read.
pub struct GeoHandle {
    current: ArcSwap<Geo>,
    /// Held during an exchange, so that the tables in use are those of these files.
    files: Mutex<GeoFiles>,
}

impl GeoHandle {
    /// Opens the files.
    ///
    /// # Errors
    /// As [`Geo::open`].
    pub fn open(files: GeoFiles) -> Result<Self, LookupError> {
        let current = ArcSwap::from_pointee(Geo::open(&files)?);
        Ok(Self { current, files: Mutex::new(files) })
    }

    /// The tables of this moment; they stay whole for as long as the guard is held.
    pub fn get(&self) -> Guard<Arc<Geo>> {
        self.current.load()
    }

    /// Opens the files anew and exchanges the tables; on an error the old ones stay in use.
    ///
    /// # Errors
    /// As [`Geo::open`].
    pub fn reload(&self) -> Result<(), LookupError> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(Geo::open(&files)?));
        Ok(())
    }

    /// Exchanges the tables for those of other files, such as one that [`crate::refresh_places`] has
    /// compiled; [`GeoHandle::reload`] opens these from then on. On an error the old
    /// tables and files stay in use. Readers never wait; calls at the same time are taken one
    /// after the other.
    ///
    /// # Errors
    /// As [`Geo::open`].
    pub fn reload_from(&self, files: GeoFiles) -> Result<(), LookupError> {
        let mut current = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(Geo::open(&files)?));
        *current = files;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new("fixtures/mmdb").join(name)
    }

    fn with_city(name: &str) -> Geo {
        let files = GeoFiles { city: vec![fixture(name)], ..GeoFiles::default() };
        Geo::open(&files).unwrap()
    }

    fn place<'a>(geo: &'a Geo, ip: &str) -> [&'a str; 3] {
        let Place { country, region, city } = geo.place(ip.parse().unwrap());
        [country, region, city]
    }

    #[test]
    fn without_files_every_answer_is_empty() {
        let geo = Geo::open(&GeoFiles::default()).unwrap();
        assert_eq!(geo.place([8, 8, 8, 8].into()), Place::default());
        assert_eq!(geo.network([8, 8, 8, 8].into()), Network::default());
        assert!(geo.attribution().is_empty());
    }

    #[test]
    fn the_nested_schema_gives_country_region_and_city() {
        for name in ["GeoLite2-City-Test.mmdb", "GeoIP2-City-Test.mmdb"] {
            let geo = with_city(name);
            let cases = [
                ("81.2.69.142", ["GB", "England", "London"]),
                ("::ffff:81.2.69.142", ["GB", "England", "London"]),
                ("2001:218::1", ["JP", "", ""]),
                ("216.160.83.56", ["US", "Washington", "Milton"]),
                ("10.0.0.1", ["", "", ""]),
                ("::1", ["", "", ""]),
            ];
            for (ip, expected) in cases {
                assert_eq!(place(&geo, ip), expected, "{name}: {ip}");
            }
            assert_eq!(geo.unreadable_records(), 0);
        }
    }

    #[test]
    fn the_flat_schema_gives_country_region_and_city() {
        let geo = with_city("flat-city-ipv4.mmdb");
        let cases = [
            ("192.0.2.7", ["DE", "Berlin", "Berlin (Mitte)"]),
            ("::ffff:192.0.2.7", ["DE", "Berlin", "Berlin (Mitte)"]),
            ("198.51.100.1", ["FR", "", ""]),
            ("203.0.113.1", ["", "", ""]),
            ("2001:db8::1", ["", "", ""]),
        ];
        for (ip, expected) in cases {
            assert_eq!(place(&geo, ip), expected, "{ip}");
        }
    }

    #[test]
    fn files_for_each_address_family_work_side_by_side_in_any_order() {
        let names = ["flat-city-ipv4.mmdb", "flat-city-ipv6.mmdb"].map(fixture);
        for city in [names.to_vec(), names.iter().rev().cloned().collect()] {
            let geo = Geo::open(&GeoFiles { city, ..GeoFiles::default() }).unwrap();
            assert_eq!(place(&geo, "192.0.2.7")[0], "DE");
            assert_eq!(place(&geo, "2001:db8::1"), ["NL", "North Holland", "Amsterdam"]);
        }
    }

    #[test]
    fn networks_come_from_either_kind_of_database() {
        let cases = [
            ("GeoLite2-ASN-Test.mmdb", "1.128.0.1", 1221, "Telstra Pty Ltd"),
            ("GeoIP2-ISP-Test.mmdb", "1.128.0.1", 1221, "Telstra Internet"),
        ];
        for (name, ip, asn, isp) in cases {
            let files = GeoFiles { asn: vec![fixture(name)], ..GeoFiles::default() };
            let geo = Geo::open(&files).unwrap();
            let network = geo.network(ip.parse().unwrap());
            assert_eq!((network.asn, network.isp), (asn, isp), "{name}");
        }
    }

    #[test]
    fn a_connection_is_named_and_a_hosting_network_goes_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("asn.csv");
        std::fs::write(&csv, "1.0.0.0,1.0.0.255,24940,Hetzner\n1.0.1.0,1.0.1.255,13335,CF\n")
            .unwrap();
        let connection = Some(fixture("GeoIP2-Connection-Type-Test.mmdb"));
        let geo = Geo::open(&GeoFiles { city: Vec::new(), asn: vec![csv], connection }).unwrap();
        let cases = [
            ("1.0.0.1", "hosting", true, false),
            ("1.0.1.1", "cellular", false, true),
            ("1.0.2.1", "cable_dsl", false, false),
            ("108.96.0.1", "cellular", false, false),
            ("201.243.200.1", "corporate", false, false),
            ("214.78.120.1", "satellite", false, false),
            ("10.0.0.1", "", false, false),
        ];
        for (ip, connection, hosting, relay) in cases {
            let network = geo.network(ip.parse().unwrap());
            let found = (network.connection, network.hosting, network.relay);
            assert_eq!(found, (connection, hosting, relay), "{ip}");
        }
        assert_eq!(geo.attribution(), [NETWORK_TABLE_ATTRIBUTION]);
    }

    #[test]
    fn a_broken_or_missing_file_is_refused_by_its_name() {
        let names = [
            "GeoIP2-City-Test-Broken-Double-Format.mmdb",
            "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
            "LICENSE-MIT",
            "no-such-file.mmdb",
        ];
        for name in names {
            let files = GeoFiles { city: vec![fixture(name)], ..GeoFiles::default() };
            let error = Geo::open(&files).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn readers_see_one_whole_set_of_tables_while_they_are_exchanged() {
        let folder = tempfile::tempdir().unwrap();
        let city = folder.path().join("city.mmdb");
        let replace = |name: &str| {
            let fresh = folder.path().join("fresh");
            std::fs::copy(fixture(name), &fresh).unwrap();
            std::fs::rename(fresh, &city).unwrap();
        };
        replace("GeoLite2-City-Test.mmdb");
        let files = GeoFiles { city: vec![city.clone()], ..GeoFiles::default() };
        let handle = GeoHandle::open(files).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let readers = [(); 2].map(|()| {
                scope.spawn(|| {
                    let mut reads = 0_u64;
                    while !done.load(Ordering::Relaxed) || reads == 0 {
                        let geo = handle.get();
                        let seen = place(&geo, "81.2.69.142");
                        let flat = place(&geo, "192.0.2.7")[0];
                        let nested = seen == ["GB", "England", "London"] && flat.is_empty();
                        assert!(nested || (seen[0].is_empty() && flat == "DE"), "{seen:?} {flat}");
                        reads += 1;
                    }
                    reads
                })
            });
            for round in 0..200 {
                let flat = round % 2 == 0;
                replace(if flat { "flat-city-ipv4.mmdb" } else { "GeoLite2-City-Test.mmdb" });
                handle.reload().unwrap();
            }
            done.store(true, Ordering::Relaxed);
            assert!(readers.map(|reader| reader.join().unwrap()).iter().all(|reads| *reads > 0));
        });
        replace("LICENSE-MIT");
        assert!(handle.reload().is_err());
        assert_eq!(place(&handle.get(), "81.2.69.142")[2], "London", "the old tables stay in use");
    }
}
