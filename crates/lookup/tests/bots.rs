//! How many robots are found, and how many people are taken for one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

mod corpora;

use lookup::{Agents, Hints, Verdict};

fn is_bot(agents: &Agents, user_agent: &str, hints: &Hints<'_>) -> bool {
    agents.read(user_agent, hints).verdict != Verdict::Human
}

#[test]
fn robots_of_an_independent_collection_are_found() {
    let agents = Agents::load().unwrap();
    let bots: Vec<_> = corpora::matomo().into_iter().filter(|case| case.bot).collect();
    assert!(bots.len() > 1_300, "only {} cases", bots.len());
    let found = bots.iter().filter(|case| is_bot(&agents, &case.user_agent, &case.hints())).count();
    let share = found as f64 / bots.len() as f64;
    println!("result: bots found   {:>7.2} %  {}", 100.0 * share, bots.len());
    assert!(share >= 0.95, "{share}");
}

#[test]
fn robots_of_the_list_we_carry_are_found() {
    let agents = Agents::load().unwrap();
    // The browser in Facebook's app, which that list takes for a robot.
    let people = ["MetaIAB Facebook"];
    let samples = corpora::crawlers();
    let samples: Vec<_> =
        samples.iter().filter(|(pattern, _)| !people.contains(&pattern.as_str())).collect();
    let missed: Vec<_> =
        samples.iter().filter(|(_, sample)| !is_bot(&agents, sample, &Hints::default())).collect();
    let share = 1.0 - missed.len() as f64 / samples.len() as f64;
    println!("result: samples found{:>7.2} %  {}", 100.0 * share, samples.len());
    assert!(share >= 0.99, "{missed:#?}");
}

/// People's user agents that are taken for a robot's, of how many, and some of them.
struct Corpus {
    name: &'static str,
    /// Cases and false ones, by number or by weight.
    all: f64,
    taken: f64,
    examples: Vec<String>,
}

impl Corpus {
    fn share(&self) -> f64 {
        self.taken / self.all
    }
}

/// A preview that is none counts as false too. Left out are the fixtures whose client is of the
/// type `library` or `feed reader`: they are the programs that our reasons `http_library` and
/// `feed_reader` mean.
fn matomo(agents: &Agents) -> Corpus {
    let program = |kind: &str| kind == "library" || kind == "feed reader";
    let people = corpora::matomo()
        .into_iter()
        .filter(|case| !case.bot && !case.client.as_ref().is_some_and(|(kind, _)| program(kind)));
    let people: Vec<_> = people.collect();
    let taken = people.iter().filter(|case| is_bot(agents, &case.user_agent, &case.hints()));
    let examples: Vec<String> = taken.map(|case| case.user_agent.clone()).collect();
    Corpus { name: "Matomo", all: people.len() as f64, taken: examples.len() as f64, examples }
}

/// What people browse with: each entry once, and by its weight.
fn npm(agents: &Agents) -> [Corpus; 2] {
    let entries = corpora::npm_user_agents();
    let taken: Vec<_> = entries
        .iter()
        .filter(|(user_agent, _)| is_bot(agents, user_agent, &Hints::default()))
        .collect();
    let examples: Vec<String> = taken.iter().map(|(user_agent, _)| user_agent.clone()).collect();
    let weight = |entries: &[&(String, f64)]| {
        entries.iter().map(|(_, weight)| weight).fold(0.0, |sum, weight| sum + weight)
    };
    let all = entries.iter().collect::<Vec<_>>();
    [
        Corpus {
            name: "npm",
            all: all.len() as f64,
            taken: taken.len() as f64,
            examples: examples.clone(),
        },
        Corpus { name: "npm, weighted", all: weight(&all), taken: weight(&taken), examples },
    ]
}

/// The devices and browsers of uap-core's tests, without those it calls a spider itself.
fn uap_core(agents: &Agents) -> Corpus {
    let files = [
        "tests/test_device.yaml",
        "test_resources/firefox_user_agent_strings.yaml",
        "test_resources/opera_mini_user_agent_strings.yaml",
    ];
    let cases = files.iter().flat_map(|file| corpora::uap_core(file));
    let people: Vec<_> = cases.filter(|case| case["family"] != "Spider").collect();
    let texts = people.iter().map(|case| case["user_agent_string"].as_str().unwrap_or_default());
    let examples: Vec<String> =
        texts.filter(|text| is_bot(agents, text, &Hints::default())).map(str::to_owned).collect();
    Corpus { name: "uap-core", all: people.len() as f64, taken: examples.len() as f64, examples }
}

#[test]
fn people_are_not_taken_for_robots() {
    let agents = Agents::load().unwrap();
    let [npm, npm_weighted] = npm(&agents);
    let corpora = [matomo(&agents), npm, uap_core(&agents), npm_weighted];
    println!("result: false bots    share     taken  cases");
    for corpus in &corpora {
        let (share, taken, all) = (100.0 * corpus.share(), corpus.taken, corpus.all);
        println!("result: {:<14}{share:>7.3} %  {taken:>5.0}  {all:.0}", corpus.name);
        for example in corpus.examples.iter().take(80) {
            println!("    {example}");
        }
    }
    let pool = &corpora[..3];
    let sum = |value: fn(&Corpus) -> f64| pool.iter().map(value).sum::<f64>();
    let pooled = sum(|corpus| corpus.taken) / sum(|corpus| corpus.all);
    println!("result: {:<14}{:>7.3} %", "pooled", 100.0 * pooled);
    assert!(corpora.iter().all(|corpus| corpus.share() <= 0.003), "at most 0.3 % of each");
    assert!(pooled <= 0.001, "at most 0.1 % of all");
}
