//! Every backend passes the suite of its trait.

use std::sync::Arc;
use store::{
    Catalog, Costs, DuckEvents, DuckOptions, Events, MemoryCatalog, MemoryEvents, SqliteCatalog,
    conformance,
};

fn options() -> DuckOptions {
    DuckOptions { memory_bytes: 256 << 20, threads: 2 }
}

#[tokio::test]
async fn events_in_memory() {
    let make = async || Ok(Arc::new(MemoryEvents::new()) as Arc<dyn Events>);
    conformance::events(make).await.unwrap();
}

#[tokio::test]
async fn events_in_duckdb() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let make = async || {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.duckdb", number.get()));
        Ok(Arc::new(DuckEvents::open(path, options())?) as Arc<dyn Events>)
    };
    conformance::events(make).await.unwrap();
}

#[tokio::test]
async fn a_catalog_in_memory() {
    let make = async || Ok(Arc::new(MemoryCatalog::new()) as Arc<dyn Catalog>);
    conformance::catalog(make).await.unwrap();
}

#[tokio::test]
async fn a_catalog_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let make = async || {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.sqlite", number.get()));
        Ok(Arc::new(SqliteCatalog::open(path).await?) as Arc<dyn Catalog>)
    };
    conformance::catalog(make).await.unwrap();
}

#[tokio::test]
async fn costs_in_memory() {
    let make = async || Ok(Arc::new(MemoryCatalog::new()) as Arc<dyn Costs>);
    conformance::costs(make).await.unwrap();
}

#[tokio::test]
async fn costs_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let make = async || {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.sqlite", number.get()));
        Ok(Arc::new(SqliteCatalog::open(path).await?) as Arc<dyn Costs>)
    };
    conformance::costs(make).await.unwrap();
}

#[tokio::test]
async fn rewrites_in_memory() {
    let make = async || {
        let store = Arc::new(MemoryEvents::new());
        let both: conformance::Both = (store.clone(), store);
        Ok(both)
    };
    conformance::rewrites(make).await.unwrap();
}

#[tokio::test]
async fn rewrites_in_duckdb() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let make = async || {
        number.set(number.get() + 1);
        let path = folder.path().join(format!("{}.duckdb", number.get()));
        let store = Arc::new(DuckEvents::open(path, options())?);
        let both: conformance::Both = (store.clone(), store);
        Ok(both)
    };
    conformance::rewrites(make).await.unwrap();
}
