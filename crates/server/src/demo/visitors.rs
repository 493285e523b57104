//! Visitors who may come again: who they were, and the cookies they got.

use super::random::Random;
use http::{HeaderMap, HeaderValue, header};
use std::net::IpAddr;

/// How many are remembered; the newest take the places of the oldest.
const KNOWN_MAX: u64 = 8_192;
/// How many are looked at for one from the right country.
const LOOKS_MAX: usize = 8;

/// Somebody who was here.
#[derive(Clone, Debug)]
pub struct Known {
    number: u64,
    pub country: usize,
    pub browser: usize,
    pub peer: IpAddr,
    visitor: String,
    clicks: String,
}

/// The newest visitors, by the numbers of their clicks.
#[derive(Debug, Default)]
pub struct Visitors {
    slots: Vec<Option<Known>>,
}

impl Visitors {
    /// Remembers the visitor of click `number`; `before` is who it was if they had been here.
    pub fn remember(&mut self, number: u64, who: (usize, usize, IpAddr), before: Option<Known>) {
        if self.slots.is_empty() {
            self.slots = vec![None; KNOWN_MAX as usize];
        }
        let (visitor, clicks) =
            before.map(|known| (known.visitor, known.clicks)).unwrap_or_default();
        let (country, browser, peer) = who;
        self.slots[(number % KNOWN_MAX) as usize] =
            Some(Known { number, country, browser, peer, visitor, clicks });
    }

    /// Keeps the cookies that the visitor of click `number` got with the answer.
    pub fn keep_cookies(&mut self, number: u64, headers: &HeaderMap) {
        let slot = self.slots.get_mut((number % KNOWN_MAX) as usize).and_then(Option::as_mut);
        let Some(known) = slot.filter(|known| known.number == number) else { return };
        for cookie in headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            let kept =
                if pair.starts_with("ct_v=") { &mut known.visitor } else { &mut known.clicks };
            pair.clone_into(kept);
        }
    }

    /// Somebody from a country who was here, if one comes to mind.
    pub fn draw(&self, country: usize, random: &mut Random) -> Option<Known> {
        let mut looks = (0..LOOKS_MAX).filter_map(|_| random.one_of(&self.slots)?.as_ref());
        looks.find(|known| known.country == country).cloned()
    }
}

impl Known {
    /// What their browser sends back.
    pub fn cookie(&self) -> Option<HeaderValue> {
        let both = [self.visitor.as_str(), self.clicks.as_str()];
        let pairs: Vec<&str> = both.into_iter().filter(|pair| !pair.is_empty()).collect();
        HeaderValue::from_str(&pairs.join("; ")).ok().filter(|cookie| !cookie.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn visitors_come_again_with_the_cookies_they_got() {
        let (mut visitors, mut random) = (Visitors::default(), Random::of(1, 1, 1));
        assert!(visitors.draw(0, &mut random).is_none());
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for number in 0..KNOWN_MAX * 2 {
            visitors.remember(number, ((number % 2) as usize, 7, peer), None);
            let mut headers = HeaderMap::new();
            headers.append(header::SET_COOKIE, format!("ct_v=v{number}; Path=/").parse().unwrap());
            headers.append(header::SET_COOKIE, format!("ct_c=c{number}; Path=/").parse().unwrap());
            visitors.keep_cookies(number, &headers);
        }
        let known = visitors.draw(1, &mut random).unwrap();
        assert!(known.country == 1 && known.number >= KNOWN_MAX, "{known:?}");
        assert_eq!(known.cookie().unwrap(), format!("ct_v=v{0}; ct_c=c{0}", known.number));
        visitors.keep_cookies(0, &HeaderMap::new());
    }
}
