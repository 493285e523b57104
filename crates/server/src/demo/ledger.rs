//! What was played, counted while playing: the figures that reports must show, to the micro-unit.

use super::landing::{Class, Landing};
use super::postback::Report;
use model::money::Money;
use model::thing::Status;
use std::collections::HashMap;

/// Counts and sums.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub people: u64,
    pub bots: u64,
    pub previews: u64,
    pub tests: u64,
    pub impressions: u64,
    pub lander_views: u64,
    pub lander_clicks: u64,
    /// Calls of networks, bad ones included.
    pub postbacks: u64,
    /// Calls that can be attributed to nothing.
    pub bad_postbacks: u64,
    /// Micro-units.
    pub cost: i64,
    conversions: HashMap<(u64, bool), (Status, Money)>,
}

impl Ledger {
    /// A landing was answered; `to_lander` when the visitor was sent to one.
    pub fn landed(&mut self, landing: &Landing, to_lander: bool) {
        self.cost += landing.cost.0;
        match landing.class {
            Class::Person => {
                self.people += 1;
                self.lander_views += u64::from(to_lander);
            }
            Class::Bot => self.bots += 1,
            Class::Preview => self.previews += 1,
            Class::Test => self.tests += 1,
        }
    }

    /// A postback was answered.
    pub fn reported(&mut self, report: Option<Report>) {
        self.postbacks += 1;
        match report {
            Some(Report { conversion, status, amount }) => {
                self.conversions.insert(conversion, (status, amount));
            }
            None => self.bad_postbacks += 1,
        }
    }

    /// Landings, whatever they count as.
    pub fn landings(&self) -> u64 {
        self.people + self.bots + self.previews + self.tests
    }

    /// How many conversions stand under a status, and how much they are worth together.
    pub fn standing(&self, status: Status) -> (u64, Money) {
        let standing = self.conversions.values().filter(|(held, _)| *held == status);
        let (count, sum) =
            standing.fold((0, 0), |(count, sum), (_, amount)| (count + 1, sum + amount.0));
        (count, Money(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversion_stands_under_its_newest_status_only() {
        let mut ledger = Ledger::default();
        let report = |number, status, units| Report {
            conversion: (number, false),
            status,
            amount: Money(units),
        };
        for played in [
            report(1, Status::Pending, 5),
            report(2, Status::Approved, 7),
            report(1, Status::Approved, 5),
            report(2, Status::Approved, 7),
            report(3, Status::Approved, 11),
            report(3, Status::Rejected, 11),
        ] {
            ledger.reported(Some(played));
        }
        ledger.reported(None);
        assert_eq!(ledger.standing(Status::Approved), (2, Money(12)));
        assert_eq!(ledger.standing(Status::Pending), (0, Money(0)));
        assert_eq!(ledger.standing(Status::Rejected), (1, Money(11)));
        assert_eq!((ledger.postbacks, ledger.bad_postbacks), (7, 1));
    }
}
