//! DuckDB answers every plan over any rows exactly as the naive store in memory does.
#![expect(clippy::panic, reason = "a test stops at what it does not expect")]

mod strategies;

use model::query::{Answer, AnswerRow, Cell, Plan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cmp::Ordering;
use store::{Batch, DuckEvents, DuckOptions, Events, ExportPage, MemoryEvents};
use strategies::{any_plan, any_rows};

/// Row sets tried, and plans asked of each.
const ROW_SETS: u32 = 40;
const PLANS: usize = 25;

fn sorted(mut answer: Answer) -> Answer {
    let by_key = |a: &AnswerRow, b: &AnswerRow| {
        let orders = a.key.iter().zip(&b.key).map(|(a, b)| Cell::order(a, b));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    answer.rows.sort_by(by_key);
    answer
}

async fn ask(store: &dyn Events, plan: &Plan) -> Answer {
    match store.answer(plan).await {
        Ok(answer) => sorted(answer),
        Err(error) => panic!("{error}: {:?}: {plan:?}", std::error::Error::source(&error)),
    }
}

#[test]
fn duckdb_answers_as_the_naive_store_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: ROW_SETS, ..Config::default() });
    let plans = proptest::collection::vec(any_plan(), PLANS);
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let groups = std::cell::Cell::new(0);
    runner
        .run(&(any_rows(), plans), |(rows, plans)| {
            number.set(number.get() + 1);
            let path = folder.path().join(format!("{}.duckdb", number.get()));
            let options = DuckOptions { memory_bytes: 256 << 20, threads: 2 };
            let (duck, memory) = (DuckEvents::open(&path, options).unwrap(), MemoryEvents::new());
            runtime.block_on(async {
                let batch = Batch { after: 0, through: 1, rows, inbox: Vec::new() };
                memory.commit(batch.clone()).await.unwrap();
                duck.commit(batch).await.unwrap();
                for plan in &plans {
                    let expected = ask(&memory, plan).await;
                    groups.set(groups.get() + expected.rows.len());
                    prop_assert_eq!(ask(&duck, plan).await, expected, "{:?}", plan);
                }
                for plan in &plans {
                    let page = ExportPage { cursor: None, limit: 7 };
                    let (from_ms, to_ms) = (plan.from_ms, plan.to_ms);
                    let expected = memory.export(1, from_ms, to_ms, plan.time, page).await.unwrap();
                    let found = duck.export(1, from_ms, to_ms, plan.time, page).await.unwrap();
                    prop_assert_eq!(found, expected);
                }
                duck.close().await.unwrap();
                Ok(())
            })
        })
        .unwrap();
    let groups = groups.get();
    println!(
        "result: store: {ROW_SETS} row sets x {PLANS} plans, {groups} groups, DuckDB equals the naive store"
    );
    assert!(groups > 1000, "the plans must find something: {groups} groups");
}
