//! What every catalog does with rates.
#![expect(clippy::unwrap_used, reason = "the texts are written here")]

use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::rates::{RateKey, RateQuery};
use model::money::Currency;
use model::rate::{DayRate, RateSource};

const USD: Currency = Currency::USD;
const EUR: Currency = Currency::EUR;

fn rate(source: RateSource, day: &str, quote: &str, rate: &str) -> DayRate {
    let (day, quote) = (day.parse().unwrap(), quote.parse().unwrap());
    let rate = (!rate.is_empty()).then(|| rate.parse().unwrap());
    DayRate { day, base: EUR, quote, source, rate }
}

fn ecb(day: &str, quote: &str, price: &str) -> DayRate {
    rate(RateSource::Ecb, day, quote, price)
}

fn manual(day: &str, quote: &str, price: &str) -> DayRate {
    rate(RateSource::Manual, day, quote, price)
}

fn all() -> RateQuery {
    RateQuery { limit: 100, ..RateQuery::default() }
}

async fn told(catalog: &dyn Catalog, query: RateQuery) -> Result<Vec<String>, StoreError> {
    let rows = catalog.rates(1, query).await?;
    let price = |rate: DayRate| rate.rate.map_or_else(|| "-".to_owned(), |rate| rate.to_string());
    Ok(rows.iter().map(|row| format!("{} {}", RateKey::from(row.rate), price(row.rate))).collect())
}

pub async fn the_rate_written_last_stands(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let first = [ecb("2026-11-19", "USD", "1.08"), ecb("2026-11-20", "USD", "1.1")];
    assert_eq!(catalog.add_rates(1, &first, "ann", 1000).await?, 2);
    assert_eq!(catalog.add_rates(1, &first, "bob", 2000).await?, 0);
    let again = [first[0], ecb("2026-11-20", "USD", "1.2"), ecb("2026-11-20", "USD", "1.3")];
    assert_eq!(catalog.add_rates(1, &again, "bob", 3000).await?, 1);
    let expected = ["2026-11-20.EUR.USD.ecb 1.3", "2026-11-19.EUR.USD.ecb 1.08"];
    assert_eq!(told(catalog, all()).await?, expected);
    let rows = catalog.rates(1, all()).await?;
    let who: Vec<_> = rows.iter().map(|row| (row.author.as_str(), row.at_ms)).collect();
    assert_eq!(who, [("bob", 3000), ("ann", 1000)]);
    let own = [manual("2026-11-20", "USD", "2")];
    assert_eq!(catalog.add_rates(1, &own, "ann", 4000).await?, 1);
    // It may hold against the pair written the other way round meanwhile.
    assert_eq!(catalog.add_rates(1, &own, "ann", 5000).await?, 1);
    assert_eq!(catalog.add_rates(1, &[manual("2026-11-21", "USD", "")], "ann", 6000).await?, 1);
    assert_eq!(catalog.rates(1, all()).await?.len(), 4);
    assert_eq!(told(catalog, all()).await?[0], "2026-11-21.EUR.USD.manual -");
    assert_eq!(catalog.add_rates(1, &[], "ann", 7000).await?, 0);
    Ok(())
}

pub async fn rates_are_listed_by_page_and_filter(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let rates = [
        ecb("2026-11-19", "USD", "1.08"),
        ecb("2026-11-19", "GBP", "0.85"),
        ecb("2026-11-20", "USD", "1.1"),
        manual("2026-11-20", "USD", "1.2"),
    ];
    catalog.add_rates(1, &rates, "ann", 1000).await?;
    let ordered = [
        "2026-11-20.EUR.USD.ecb 1.1",
        "2026-11-20.EUR.USD.manual 1.2",
        "2026-11-19.EUR.GBP.ecb 0.85",
        "2026-11-19.EUR.USD.ecb 1.08",
    ];
    assert_eq!(told(catalog, all()).await?, ordered);
    let mut paged = Vec::new();
    let mut after = None;
    while let [row] = &catalog.rates(1, RateQuery { after, limit: 1, ..all() }).await?[..] {
        paged.push(row.rate);
        after = Some(row.rate.into());
    }
    assert_eq!(paged, [rates[2], rates[3], rates[1], rates[0]]);
    let day = |day: &str| Some(day.parse().unwrap());
    for (query, places) in [
        (RateQuery { currency: Some("GBP".parse().unwrap()), ..all() }, &[2][..]),
        (RateQuery { currency: Some(EUR), ..all() }, &[0, 1, 2, 3]),
        (RateQuery { currency: Some(USD), source: Some(RateSource::Ecb), ..all() }, &[0, 3]),
        (RateQuery { from: day("2026-11-20"), ..all() }, &[0, 1]),
        (RateQuery { to: day("2026-11-19"), ..all() }, &[2, 3]),
        (RateQuery { from: day("2026-11-21"), ..all() }, &[]),
    ] {
        let expected: Vec<_> = places.iter().map(|place| ordered[*place]).collect();
        assert_eq!(told(catalog, query).await?, expected);
    }
    Ok(())
}

pub async fn rates_belong_to_a_workspace(catalog: &dyn Catalog) -> Result<(), StoreError> {
    catalog.add_rates(1, &[ecb("2026-11-20", "USD", "1.1")], "ann", 0).await?;
    assert_eq!(catalog.rates(2, all()).await?, []);
    assert_eq!(catalog.add_rates(2, &[ecb("2026-11-20", "USD", "1.2")], "ann", 0).await?, 1);
    catalog.add_rates(1, &[manual("2026-11-21", "USD", "3")], "ann", 0).await?;
    let table = catalog.rate_table().await?;
    for (workspace, day, expected) in [
        (1, "2026-11-20", Some("11/10 ecb 2026-11-20")),
        (1, "2026-11-21", Some("3/1 manual 2026-11-21")),
        (2, "2026-11-21", Some("6/5 ecb 2026-11-20")),
        (3, "2026-11-21", None),
    ] {
        let found = table.exchange(workspace, EUR, USD, day.parse().unwrap());
        assert_eq!(found.map(|exchange| exchange.to_string()).as_deref(), expected);
    }
    Ok(())
}
