//! What holds for every row of the table of metrics.

use super::*;

#[test]
fn every_term_of_a_formula_is_a_counter() {
    for row in METRICS {
        let terms: Vec<_> = match &row.formula {
            Formula::Linear(terms) => terms.to_vec(),
            Formula::Ratio { over, under, .. } => [*over, *under].concat(),
            _ => Vec::new(),
        };
        for (_, name) in terms {
            let metric: Metric = name.parse().unwrap();
            assert!(metric.counter().is_some(), "{} uses {name}", row.name);
        }
    }
}

#[test]
fn names_parse_and_print() {
    for name in ["clicks", "roi", "conversions:sale", "revenue:lead"] {
        assert_eq!(name.parse::<Metric>().unwrap().to_string(), name);
    }
    for name in ["", "clickz", "clicks:sale", "conversions:"] {
        assert!(name.parse::<Metric>().is_err(), "{name}");
    }
}

#[test]
fn bots_are_no_clicks() {
    let clicks = "clicks".parse::<Metric>().unwrap().counter().unwrap();
    assert_eq!(clicks.selection.flag_masks(), (0, 1 << 1 | 1 << 6));
}
