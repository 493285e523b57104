//! Networks whose visitors are rarely people, and those that only look so.

/// What is known about an autonomous system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    /// Servers are rented there.
    pub hosting: bool,
    /// Carries real people's traffic for a privacy relay or VPN of a browser maker: never a sign of
    /// a bot.
    pub relay: bool,
    /// Belongs to an advertising platform, which reviews ads from there.
    pub platform: bool,
}

/// Hosting networks: renting servers is their main business. A score, never a reason to refuse:
/// company VPNs and in-app proxies come from there too. Chosen by hand among the networks with the
/// most announced addresses and those known for proxies; names and sizes checked against the
/// `@ip-location-db/asn` table of 2026-06-17 (RouteViews and DB-IP data).
const HOSTING: [u32; 38] = [
    8075,   // Microsoft (Azure)
    8100,   // QuadraNet
    9009,   // M247
    12876,  // Scaleway
    14061,  // DigitalOcean
    14618,  // Amazon
    15169,  // Google
    16276,  // OVH
    16509,  // Amazon
    20473,  // The Constant Company (Vultr)
    24940,  // Hetzner
    26496,  // GoDaddy
    28753,  // Leaseweb Deutschland
    29802,  // Hivelocity
    30633,  // Leaseweb USA
    31898,  // Oracle
    35916,  // Multacom
    36352,  // HostPapa
    37963,  // Alibaba (China)
    40021,  // Contabo (USA)
    45102,  // Alibaba (outside China)
    46606,  // Unified Layer
    49981,  // WorldStream
    51167,  // Contabo
    53667,  // FranTech
    55286,  // B2 Net Solutions
    55990,  // Huawei Cloud (China)
    60068,  // Datacamp
    60781,  // Leaseweb Netherlands
    62240,  // Clouvider
    63949,  // Akamai (Linode)
    132203, // Tencent
    136907, // Huawei Cloud (outside China)
    199524, // G-Core Labs
    202425, // IP Volume
    203020, // HostRoyale
    212238, // Datacamp
    396982, // Google Cloud
];

/// Exits of iCloud Private Relay and Cloudflare WARP.
const RELAY: [u32; 4] = [
    13335, // Cloudflare
    20940, // Akamai International
    36183, // Akamai
    54113, // Fastly
];

/// Advertising platforms and link previewers.
const PLATFORM: [u32; 7] = [
    8075,   // Microsoft: bingbot, adidxbot (and Azure)
    13414,  // X
    14413,  // LinkedIn
    15169,  // Google: AdsBot, Googlebot (and proxies of real people)
    32934,  // Meta
    138699, // TikTok
    396986, // ByteDance
];

/// Looks an autonomous system up.
pub fn kind(asn: u32) -> Kind {
    let relay = RELAY.binary_search(&asn).is_ok();
    Kind {
        hosting: !relay && HOSTING.binary_search(&asn).is_ok(),
        relay,
        platform: PLATFORM.binary_search(&asn).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_without_repeats_and_a_relay_is_never_hosting() {
        for list in [&HOSTING[..], &RELAY[..], &PLATFORM[..]] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert!(RELAY.iter().all(|asn| HOSTING.binary_search(asn).is_err()));
    }

    #[test]
    fn a_network_is_what_its_lists_say() {
        let cases = [
            (24940, Kind { hosting: true, ..Kind::default() }),
            (13335, Kind { relay: true, ..Kind::default() }),
            (32934, Kind { platform: true, ..Kind::default() }),
            (15169, Kind { hosting: true, platform: true, ..Kind::default() }),
            (3320, Kind::default()),
            (0, Kind::default()),
        ];
        for (asn, expected) in cases {
            assert_eq!(kind(asn), expected, "AS{asn}");
        }
    }
}
