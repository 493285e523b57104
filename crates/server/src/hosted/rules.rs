//! What has to hold when a lander is saved that names files, or a domain is under which some are served.

use edge::Bundles;
use model::table::Things;
use model::thing::{Domain, Kind, Lander, Problem, Thing, ThingId};
use serde::de::DeserializeOwned;
use store::{Change, StoreError};

/// Whether the landers and domains among `changes` may be saved over `things`: the files of a hosted lander are there,
/// its host is a tracking domain of its workspace, and its folder there is nobody else's.
///
/// # Errors
/// What is wrong, as problems of the lander or domain to blame.
pub fn check(things: &Things, changes: &[Change], bundles: &Bundles) -> Result<(), StoreError> {
    if !changes.iter().any(|change| matches!(change.kind, Kind::Lander | Kind::Domain)) {
        return Ok(());
    }
    let landers = after::<Lander>(&things.landers, changes, Kind::Lander);
    let domains = after::<Domain>(&things.domains, changes, Kind::Domain);
    for lander in landers.iter().filter(|lander| lander.is_touched && lander.body.bundle.is_some())
    {
        let problems = problems_of(lander, &landers, &domains, bundles);
        if !problems.is_empty() {
            return Err(StoreError::Invalid { kind: Kind::Lander, problems });
        }
    }
    let is_left = |lander: &&Standing<Lander>| {
        let host = lander.body.hosted_at().map(|(host, _)| host);
        let before = host.and_then(|host| domain_of(&things.domains, lander.workspace, host));
        before.is_some() && !host.is_some_and(|host| serves(&domains, lander.workspace, host))
    };
    match landers.iter().find(is_left) {
        None => Ok(()),
        Some(lander) => {
            let message = format!(
                "the hosted lander `{}` has its `url` there: give it one of another domain first",
                lander.name
            );
            let problems = vec![Problem::new("host", message)];
            Err(StoreError::Invalid { kind: Kind::Domain, problems })
        }
    }
}

/// A thing that is not archived, as it would stand.
struct Standing<B> {
    workspace: ThingId,
    name: String,
    body: B,
    is_touched: bool,
}

/// What would not be archived after the changes. A body that cannot be read is the catalog's to refuse.
fn after<B: DeserializeOwned + Clone>(
    before: &[Thing<B>],
    changes: &[Change],
    kind: Kind,
) -> Vec<Standing<B>> {
    let changes = || changes.iter().filter(|change| change.kind == kind);
    let is_kept =
        |thing: &&Thing<B>| !thing.archived && !changes().any(|change| change.id == Some(thing.id));
    let kept = before.iter().filter(is_kept).map(|thing| Standing {
        workspace: thing.workspace,
        name: thing.name.clone(),
        body: thing.body.clone(),
        is_touched: false,
    });
    let changed = changes().filter(|change| !change.archived).filter_map(|change| {
        Some(Standing {
            workspace: change.workspace,
            name: change.name.clone(),
            body: serde_json::from_str(&change.body).ok()?,
            is_touched: true,
        })
    });
    kept.chain(changed).collect()
}

fn problems_of(
    lander: &Standing<Lander>,
    landers: &[Standing<Lander>],
    domains: &[Standing<Domain>],
    bundles: &Bundles,
) -> Vec<Problem> {
    // Without a folder the catalog refuses it, and says why.
    let Some((host, folder)) = lander.body.hosted_at() else { return Vec::new() };
    let mut problems = Vec::new();
    if !lander.body.bundle.is_some_and(|bundle| bundles.has(bundle)) {
        let message = "no files were uploaded under this number here: upload them first";
        problems.push(Problem::new("bundle", message));
    }
    if !serves(domains, lander.workspace, host) {
        problems.push(Problem::new("url", no_domain(host, lander.workspace, domains)));
    }
    let is_other = |other: &&Standing<Lander>| {
        other.workspace == lander.workspace
            && !std::ptr::eq(*other, lander)
            && other.body.hosted_at().is_some_and(|(_, theirs)| theirs == folder)
    };
    if let Some(other) = landers.iter().find(is_other) {
        let message =
            format!("the folder `{folder}` is that of the lander `{}`: choose another", other.name);
        problems.push(Problem::new("url", message));
    }
    problems
}

fn no_domain(host: &str, workspace: ThingId, domains: &[Standing<Domain>]) -> String {
    let own = domains.iter().filter(|domain| domain.workspace == workspace);
    let hosts: Vec<_> = own.map(|domain| domain.body.host.as_str()).collect();
    let expected = match hosts.is_empty() {
        true => "set one up first".to_owned(),
        false => format!("expected one of {}", hosts.join(", ")),
    };
    format!("landers are served from tracking domains alone, and `{host}` is none: {expected}")
}

fn serves(domains: &[Standing<Domain>], workspace: ThingId, host: &str) -> bool {
    let is_it = |domain: &Standing<Domain>| {
        domain.workspace == workspace && domain.body.host.as_str().eq_ignore_ascii_case(host)
    };
    domains.iter().any(is_it)
}

fn domain_of<'a>(
    domains: &'a [Thing<Domain>],
    workspace: ThingId,
    host: &str,
) -> Option<&'a Thing<Domain>> {
    domains.iter().find(|domain| {
        !domain.archived
            && domain.workspace == workspace
            && domain.body.host.as_str().eq_ignore_ascii_case(host)
    })
}
