//! What an amount adds to the sums of its workspace, and by which rate.

use model::money::Currency;
use model::rate::{Exchange, RateTable, day_of};
use model::thing::ThingId;

/// How amounts of one currency become amounts of the workspace's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// They are in it.
    Own,
    /// By this rate.
    At(Exchange),
    /// There is no rate: they are kept, and no sum holds them.
    Apart,
}

impl Worth {
    /// What amounts of `currency` are worth at a moment in the sums of a workspace, which are in `own`.
    pub fn find(
        rates: &RateTable,
        workspace: ThingId,
        currency: Currency,
        own: Currency,
        at_ms: i64,
    ) -> Self {
        if currency == own {
            return Self::Own;
        }
        let exchange = rates.exchange(workspace, currency, own, day_of(at_ms));
        exchange.map_or(Self::Apart, Self::At)
    }

    /// What `micro` is worth in sums; none when that does not fit 64 bits, turned round or not.
    pub fn of(self, micro: i64) -> Option<i64> {
        let worth = match self {
            Self::Own => Some(micro),
            Self::At(exchange) => exchange.convert(micro),
            Self::Apart => Some(0),
        };
        worth.filter(|worth| *worth != i64::MIN)
    }

    /// What `micro` more adds to sums that hold the worth of `before`: so the sums hold the worth of the
    /// whole, and not that of its parts, each rounded.
    pub fn added(self, before: i64, micro: i64) -> Option<i64> {
        self.of(before.checked_add(micro)?)?.checked_sub(self.of(before)?)
    }

    /// The rate, where there is one.
    pub fn exchange(self) -> Option<Exchange> {
        match self {
            Self::At(exchange) => Some(exchange),
            Self::Own | Self::Apart => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_worth_of_the_whole() {
        let third = Worth::At("1/3 manual 2026-11-20".parse().unwrap());
        let parts = [1, 1, 1, 1, -1, 5, -8];
        let (mut received, mut sum) = (0, 0);
        for part in parts {
            sum += third.added(received, part).unwrap();
            received += part;
            assert_eq!(Some(sum), third.of(received));
        }
        assert_eq!((received, sum), (0, 0));
    }

    #[test]
    fn what_does_not_fit_has_no_worth() {
        let triple = Worth::At("3/1 manual 2026-11-20".parse().unwrap());
        assert_eq!(triple.of(i64::MAX / 2), None);
        assert_eq!(Worth::Own.of(i64::MIN), None);
        assert_eq!(Worth::Own.added(i64::MAX, 1), None);
        assert_eq!(Worth::Apart.added(i64::MAX, 1), None);
        assert_eq!(Worth::Apart.added(5, 1), Some(0));
    }
}
