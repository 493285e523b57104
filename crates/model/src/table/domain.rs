//! Tracking domains by host.

use crate::thing::{Domain, DomainAnswer, Scheme, Thing, ThingId};
use std::collections::HashMap;

/// A tracking domain as a request needs it.
#[derive(Debug)]
pub struct DomainRoute {
    /// Its number.
    pub id: ThingId,
    /// Its host.
    pub host: Box<str>,
    /// Whose campaigns it serves.
    pub workspace: ThingId,
    /// How visitors reach it.
    pub scheme: Scheme,
    /// What `/` answers.
    pub root: DomainAnswer,
    /// What other paths answer that are no endpoint.
    pub not_found: DomainAnswer,
}

/// The domains that are not archived: the host of an archived one may be somebody else's by now.
#[derive(Debug, Default)]
pub(super) struct Domains {
    routes: HashMap<ThingId, DomainRoute>,
    by_host: HashMap<Box<str>, ThingId>,
}

impl Domains {
    pub(super) fn new(domains: &[Thing<Domain>]) -> Self {
        let live = || domains.iter().filter(|domain| !domain.archived);
        let route = |domain: &Thing<Domain>| DomainRoute {
            id: domain.id,
            host: domain.body.host.as_str().into(),
            workspace: domain.workspace,
            scheme: domain.body.scheme,
            root: domain.body.root.clone(),
            not_found: domain.body.not_found.clone(),
        };
        Self {
            routes: live().map(|domain| (domain.id, route(domain))).collect(),
            by_host: live().map(|domain| (domain.body.host.as_str().into(), domain.id)).collect(),
        }
    }

    pub(super) fn is_any(&self) -> bool {
        !self.routes.is_empty()
    }

    pub(super) fn by_host(&self, host: &str) -> Option<&DomainRoute> {
        self.get(*self.by_host.get(host)?)
    }

    pub(super) fn get(&self, id: ThingId) -> Option<&DomainRoute> {
        self.routes.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{RoutingTable, Things};

    #[test]
    fn archived_domains_are_found_no_more() {
        let domain = |id, host: &str, archived| {
            let body = serde_json::from_value(serde_json::json!({ "host": host })).unwrap();
            Thing { id, workspace: id, name: host.into(), revision: 1, archived, body }
        };
        let table = |domains| RoutingTable::new(&Things { domains, ..Things::default() });
        let moved = table(vec![domain(1, "a.example", true), domain(2, "a.example", false)]);
        assert_eq!(moved.domain_by_host("a.example").map(|domain| domain.workspace), Some(2));
        assert!(moved.domain_by_host("b.example").is_none() && moved.domain(1).is_none());
        assert!(moved.has_domains() && !table(vec![domain(1, "a.example", true)]).has_domains());
    }
}
