//! What was spent on a slice of traffic, and how it is spread over the clicks of that slice.
//!
//! Each click is paid for by one entry: the narrowest that fits it. The shorter period is narrower, then the slice with
//! more fields, then the newer entry. An entry that lies within another is part of what the other says was spent: the
//! wider one spreads only the rest, over the clicks that no narrower one paid for. All of it is exact: shares are whole
//! micro-units, and what does not divide goes to the first clicks by key (the largest remainder, since clicks of an
//! entry weigh alike).

use crate::facts::Facts;
use crate::field::Field;
use crate::thing::ThingId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Values of ad fields that clicks must have; an empty text stands for "no value". No fields: the whole campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slice(pub BTreeMap<Field, String>);

/// The traffic that an entry pays for; of two entries for the same, the newer counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpendKey {
    /// Whose clicks.
    pub campaign: ThingId,
    /// Which of them.
    pub slice: Slice,
    /// The first moment, Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Behind the last moment, exclusive.
    pub to_ms: i64,
}

impl SpendKey {
    /// Whether all that `other` pays for is also paid for by this one.
    fn holds(&self, other: &Self) -> bool {
        self != other
            && self.campaign == other.campaign
            && self.from_ms <= other.from_ms
            && other.to_ms <= self.to_ms
            && self.slice.0.iter().all(|(field, value)| other.slice.0.get(field) == Some(value))
    }

    fn length_ms(&self) -> i64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// An amount spent on a slice of traffic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spend {
    /// The entry's number, or [`DAILY`].
    pub entry: i64,
    /// On what.
    pub key: SpendKey,
    /// Micro-units of the workspace's currency, 0 or more.
    pub amount: i64,
}

/// The number that stands for a campaign's model per day in place of an entry.
pub const DAILY: i64 = 0;

/// What one click of `count` gets of `amount`, the one at `place` by key (from 0).
pub fn share(amount: i64, count: u64, place: u64) -> i64 {
    let count = i64::try_from(count).unwrap_or(i64::MAX).max(1);
    let (whole, rest) = (amount.div_euclid(count), amount.rem_euclid(count));
    whole + i64::from(i64::try_from(place).is_ok_and(|place| place < rest))
}

/// Entries with the same fields and the same length, by the values of the fields.
#[derive(Clone, Debug)]
struct Shape {
    length_ms: i64,
    fields: Vec<Field>,
    /// Places of entries, by where they begin.
    entries: HashMap<(ThingId, Vec<String>), Vec<Begun>>,
}

/// Where an entry begins, and its place.
type Begun = (i64, usize);

/// A click, as far as it matters who pays for it.
#[derive(Clone, Copy, Debug)]
pub struct Paid<'v> {
    /// Its campaign.
    pub campaign: ThingId,
    /// When it came, Unix milliseconds.
    pub at_ms: i64,
    /// Whether its campaign's model per day prices it, where no entry does.
    pub is_daily: bool,
    /// What is known about it.
    pub facts: &'v Facts,
}

impl Shape {
    /// Entries with these values that begin no later than `from_ms` and end no earlier than `to_ms`.
    fn around<'v>(
        &self,
        campaign: ThingId,
        value: impl Fn(Field) -> Option<&'v str>,
        from_ms: i64,
        to_ms: i64,
    ) -> &[Begun] {
        let values = self.fields.iter().map(|field| value(*field).unwrap_or_default().to_owned());
        let Some(entries) = self.entries.get(&(campaign, values.collect())) else { return &[] };
        let first = to_ms.saturating_sub(self.length_ms);
        let begin = entries.partition_point(|(from, _)| *from < first);
        let end = entries.partition_point(|(from, _)| *from <= from_ms);
        entries.get(begin..end).unwrap_or_default()
    }
}

/// Entries over the clicks they pay for: first every click is counted, then every click is priced.
#[derive(Clone, Debug)]
pub struct Spread {
    spends: Vec<Spend>,
    /// Narrowest first.
    shapes: Vec<Shape>,
    /// What each spreads, in the order of `spends`.
    rests: Vec<i64>,
    counted: Vec<u64>,
    priced: Vec<u64>,
}

impl Spread {
    /// For entries of which no two have the same key.
    pub fn new(mut spends: Vec<Spend>) -> Self {
        spends.sort_by(|a, b| (&a.key, a.entry).cmp(&(&b.key, b.entry)));
        let shapes = shapes(&spends);
        let none = vec![0; spends.len()];
        let rests = rests(&spends, &shapes);
        Self { spends, shapes, rests, counted: none.clone(), priced: none }
    }

    /// The entry that pays for a click, by its place.
    fn payer(&self, click: Paid<'_>) -> Option<usize> {
        let behind = click.at_ms.saturating_add(1);
        let value = |field| click.facts.text(field);
        let pays = |place: &usize| click.is_daily || self.spends[*place].entry != DAILY;
        self.shapes.iter().find_map(|shape| {
            let fitting = shape.around(click.campaign, value, click.at_ms, behind).iter();
            let fitting = fitting.map(|(_, place)| *place).filter(pays);
            fitting.max_by_key(|place| self.spends[*place].entry)
        })
    }

    /// The number of the entry that pays for a click.
    pub fn entry_of(&self, click: Paid<'_>) -> Option<i64> {
        self.payer(click).map(|place| self.spends[place].entry)
    }

    /// Counts a click.
    pub fn count(&mut self, click: Paid<'_>) {
        if let Some(place) = self.payer(click) {
            self.counted[place] += 1;
        }
    }

    /// Passes over the clicks counted so far: they were priced before.
    pub fn skip_counted(&mut self) {
        self.priced.clone_from(&self.counted);
    }

    /// The entry that pays for a click, and its share. Every click that was counted must be priced once, in the order
    /// of keys.
    pub fn price(&mut self, click: Paid<'_>) -> Option<(i64, i64)> {
        let place = self.payer(click)?;
        let cost = share(self.rests[place], self.counted[place], self.priced[place]);
        self.priced[place] += 1;
        Some((self.spends[place].entry, cost))
    }

    /// What is left where nobody clicked; a model per day costs nothing then.
    pub fn unspent(&self) -> impl Iterator<Item = Spend> {
        let is_left = |place: &usize| {
            self.counted[*place] == 0
                && self.rests[*place] > 0
                && self.spends[*place].entry != DAILY
        };
        let left = (0..self.spends.len()).filter(is_left);
        left.map(|place| Spend { amount: self.rests[place], ..self.spends[place].clone() })
    }
}

fn shapes(spends: &[Spend]) -> Vec<Shape> {
    let mut shapes: BTreeMap<(i64, std::cmp::Reverse<usize>, Vec<Field>), Shape> = BTreeMap::new();
    for (place, Spend { key, .. }) in spends.iter().enumerate() {
        let fields: Vec<Field> = key.slice.0.keys().copied().collect();
        let order = (key.length_ms(), std::cmp::Reverse(fields.len()), fields.clone());
        let length_ms = key.length_ms();
        let shape =
            shapes.entry(order).or_insert(Shape { length_ms, fields, entries: HashMap::new() });
        let values = key.slice.0.values().cloned().collect();
        shape.entries.entry((key.campaign, values)).or_default().push((key.from_ms, place));
    }
    let mut shapes: Vec<Shape> = shapes.into_values().collect();
    for entries in shapes.iter_mut().flat_map(|shape| shape.entries.values_mut()) {
        entries.sort_unstable();
    }
    shapes
}

/// What each entry spreads: its amount without those of the largest entries within it, 0 at least.
fn rests(spends: &[Spend], shapes: &[Shape]) -> Vec<i64> {
    let holders: Vec<Vec<usize>> =
        spends.iter().map(|spend| holders(spends, shapes, &spend.key)).collect();
    let mut rests: Vec<i64> = spends.iter().map(|spend| spend.amount).collect();
    for (spend, own) in spends.iter().zip(&holders) {
        for holder in own {
            // One that lies between the two brings the amount along.
            let is_direct = !own.iter().any(|between| holders[*between].contains(holder));
            if is_direct {
                rests[*holder] = rests[*holder].saturating_sub(spend.amount);
            }
        }
    }
    rests.into_iter().map(|rest| rest.max(0)).collect()
}

fn holders(spends: &[Spend], shapes: &[Shape], key: &SpendKey) -> Vec<usize> {
    let value = |field: Field| key.slice.0.get(&field).map(String::as_str);
    let found = shapes.iter().filter(|shape| {
        let has_all = shape.fields.iter().all(|field| key.slice.0.contains_key(field));
        shape.length_ms >= key.length_ms() && has_all
    });
    found
        .flat_map(|shape| shape.around(key.campaign, value, key.from_ms, key.to_ms))
        .map(|(_, place)| *place)
        .filter(|place| spends[*place].key.holds(key))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(from_ms: i64, to_ms: i64, slice: &[(Field, &str)]) -> SpendKey {
        let slice = slice.iter().map(|(field, value)| (*field, (*value).to_owned())).collect();
        SpendKey { campaign: 1, slice: Slice(slice), from_ms, to_ms }
    }

    fn spend(entry: i64, amount: i64, key: SpendKey) -> Spend {
        Spend { entry, key, amount }
    }

    /// A click: when it came, its creative and its placement.
    type Click = (i64, &'static str, &'static str);

    /// An entry and an amount.
    type Share = (i64, i64);

    fn facts(click: &Click) -> Facts {
        let mut facts = Facts::default();
        facts.set_text(Field::CreativeId, click.1);
        facts.set_text(Field::Placement, click.2);
        facts
    }

    fn paid<'v>(click: &Click, facts: &'v Facts) -> Paid<'v> {
        Paid { campaign: 1, at_ms: click.0, is_daily: click.1 == "a", facts }
    }

    /// What each click gets, and what is left.
    fn spread(spends: Vec<Spend>, clicks: &[Click]) -> (Vec<Option<Share>>, Vec<Share>) {
        let mut spread = Spread::new(spends);
        clicks.iter().for_each(|click| spread.count(paid(click, &facts(click))));
        let priced = clicks.iter().map(|click| spread.price(paid(click, &facts(click)))).collect();
        (priced, spread.unspent().map(|left| (left.entry, left.amount)).collect())
    }

    #[test]
    fn a_click_is_paid_for_by_the_narrowest_entry_and_the_rest_goes_to_the_others() {
        let creative = |text| [(Field::CreativeId, text)];
        let clicks = [(0, "a", ""), (5, "a", ""), (15, "a", ""), (16, "b", ""), (99, "b", "")];
        let day = || spend(1, 100, key(0, 50, &[]));
        for (spends, expected, left) in [
            (vec![], vec![None; 5], vec![]),
            (
                vec![day()],
                vec![Some((1, 25)), Some((1, 25)), Some((1, 25)), Some((1, 25)), None],
                vec![],
            ),
            // Part of the day: what it says is part of the day's amount.
            (
                vec![day(), spend(2, 30, key(0, 10, &[]))],
                vec![Some((2, 15)), Some((2, 15)), Some((1, 35)), Some((1, 35)), None],
                vec![],
            ),
            (
                vec![day(), spend(2, 31, key(0, 50, &creative("a")))],
                vec![Some((2, 11)), Some((2, 10)), Some((2, 10)), Some((1, 69)), None],
                vec![],
            ),
            // A part of a part is counted once.
            (
                vec![
                    day(),
                    spend(2, 30, key(0, 50, &creative("a"))),
                    spend(3, 9, key(0, 10, &creative("a"))),
                ],
                vec![Some((3, 5)), Some((3, 4)), Some((2, 21)), Some((1, 70)), None],
                vec![],
            ),
            // Parts that say more than the whole count as they are; the whole has nothing left.
            (
                vec![day(), spend(2, 130, key(0, 10, &[]))],
                vec![Some((2, 65)), Some((2, 65)), Some((1, 0)), Some((1, 0)), None],
                vec![],
            ),
            // Nobody clicked: it is kept.
            (
                vec![
                    day(),
                    spend(2, 30, key(0, 50, &creative("c"))),
                    spend(3, 7, key(60, 70, &[])),
                ],
                vec![Some((1, 18)), Some((1, 18)), Some((1, 17)), Some((1, 17)), None],
                vec![(3, 7), (2, 30)],
            ),
            // A price per day is paid by clicks that have it, where no entry pays for them.
            (
                vec![spend(DAILY, 9, key(0, 50, &[])), spend(2, 4, key(10, 20, &[]))],
                vec![Some((0, 3)), Some((0, 2)), Some((2, 2)), Some((2, 2)), None],
                vec![],
            ),
            (vec![spend(DAILY, 9, key(60, 70, &[]))], vec![None; 5], vec![]),
            // No value is a value.
            (
                vec![spend(2, 30, key(0, 50, &[(Field::Placement, "")]))],
                vec![Some((2, 8)), Some((2, 8)), Some((2, 7)), Some((2, 7)), None],
                vec![],
            ),
        ] {
            let (priced, mut kept) = spread(spends.clone(), &clicks);
            assert_eq!(priced, expected, "{spends:?}");
            let mut left: Vec<(i64, i64)> = left;
            left.sort_unstable();
            kept.sort_unstable();
            assert_eq!(kept, left, "{spends:?}");
        }
    }

    fn spends() -> impl Strategy<Value = Vec<Spend>> {
        let text = prop::sample::select(vec![None, Some(""), Some("a"), Some("b")]);
        let one = (0i64..4, 1i64..5, text.clone(), text, 0i64..1_000_000);
        prop::collection::vec(one, 0..12).prop_map(|list| {
            let mut spends: BTreeMap<SpendKey, Spend> = BTreeMap::new();
            for (number, (from, length, creative, placement, amount)) in (1..).zip(list) {
                let fields = [(Field::CreativeId, creative), (Field::Placement, placement)];
                let slice: Vec<_> =
                    fields.into_iter().filter_map(|(field, text)| Some((field, text?))).collect();
                let key = key(from * 10, (from + length) * 10, &slice);
                spends.insert(key.clone(), spend(number, amount, key));
            }
            spends.into_values().collect()
        })
    }

    fn clicks() -> impl Strategy<Value = Vec<Click>> {
        let text = || prop::sample::select(vec!["", "a", "b"]);
        prop::collection::vec((0i64..90, text(), text()), 0..40)
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_whole(amount in 0i64..1_000_000_000_000, count in 1u64..500) {
            let shares: Vec<i64> = (0..count).map(|place| share(amount, count, place)).collect();
            prop_assert_eq!(shares.iter().sum::<i64>(), amount);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }

        #[test]
        fn what_is_spread_and_what_is_left_is_what_was_spent(spends in spends(), clicks in clicks()) {
            let rests: i64 = Spread::new(spends.clone()).rests.iter().sum();
            let (priced, left) = spread(spends.clone(), &clicks);
            let given: i64 = priced.iter().flatten().map(|(_, cost)| cost).sum();
            prop_assert_eq!(given + left.iter().map(|(_, amount)| amount).sum::<i64>(), rests);
            // Without entries inside others, all that was spent is spread or left.
            if spends.iter().all(|a| !spends.iter().any(|b| a.key.holds(&b.key))) {
                prop_assert_eq!(rests, spends.iter().map(|spend| spend.amount).sum::<i64>());
            }
        }

        #[test]
        fn the_order_of_entries_makes_no_difference(spends in spends(), clicks in clicks()) {
            let turned = spends.iter().rev().cloned().collect();
            prop_assert_eq!(spread(spends, &clicks), spread(turned, &clicks));
        }

        #[test]
        fn the_payer_is_the_one_that_a_look_at_all_of_them_finds(
            spends in spends(),
            clicks in clicks(),
        ) {
            let (priced, _) = spread(spends.clone(), &clicks);
            for (click, priced) in clicks.iter().zip(priced) {
                let fits = |spend: &&Spend| {
                    (spend.key.from_ms..spend.key.to_ms).contains(&click.0)
                        && spend.key.slice.0.iter().all(|(field, text)| {
                            facts(click).text(*field).unwrap_or_default() == text
                        })
                };
                let lengths = spends.iter().filter(fits).map(|spend| spend.key.length_ms()).min();
                prop_assert_eq!(priced.is_some(), lengths.is_some());
                if let (Some((entry, _)), Some(length)) = (priced, lengths) {
                    let payer = spends.iter().find(|spend| spend.entry == entry).unwrap();
                    prop_assert!(fits(&payer) && payer.key.length_ms() == length);
                }
            }
        }
    }
}
