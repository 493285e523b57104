//! Configurations of all kinds for tests, made from what a property test draws.

use model::builtin::Templates;
use model::table::Things;
use model::thing::{Body, Flow, Network, Source, Thing, ThingId, Workspace};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is drawn: numbers and texts, taken one after the other, round and round.
#[derive(Debug)]
pub struct Choices {
    numbers: Vec<u32>,
    texts: Vec<String>,
    at: usize,
    /// Whether paths may lead to other campaigns.
    leads_on: bool,
}

/// Choices for one configuration.
pub fn choices() -> impl Strategy<Value = Choices> {
    let numbers = prop::collection::vec(any::<u32>(), 40..400);
    let texts = prop::collection::vec(any::<String>(), 4..12);
    (numbers, texts).prop_map(|(numbers, texts)| Choices { numbers, texts, at: 0, leads_on: false })
}

impl Choices {
    fn below(&mut self, end: u32) -> u32 {
        self.at += 1;
        self.numbers[self.at % self.numbers.len()] % end.max(1)
    }

    fn is(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize].clone()
    }

    fn text(&mut self) -> String {
        let at = self.below(self.texts.len() as u32) as usize;
        self.texts[at].clone()
    }

    fn thing<B: Body>(&mut self, id: ThingId, body: Value) -> Thing<B> {
        // Names are unique by their number and trimmed, as they are saved.
        let name: String =
            format!("{}{id}", self.text().trim_start()).chars().rev().take(150).collect();
        let name = name.trim().to_owned();
        let body = serde_json::from_value(body.clone()).unwrap_or_else(|e| panic!("{e}: {body}"));
        Thing { id, workspace: 1, name, revision: 1, archived: false, body }
    }

    /// Things of a workspace and of its neighbour, some archived.
    pub fn things(&mut self, templates: &Templates) -> Things {
        let counts: Vec<ThingId> = (0..6).map(|_| 1 + self.below(4)).collect();
        let mut things = Things { revision: 9, ..Things::default() };
        let workspace = serde_json::to_value(Workspace::default()).unwrap();
        things.workspaces = vec![self.thing(1, workspace.clone()), self.thing(2, workspace)];
        things.workspaces[1].workspace = 2;
        for id in 1..=counts[0] {
            let source = self.source(templates);
            things.sources.push(self.thing(id, serde_json::to_value(source).unwrap()));
        }
        for id in 1..=counts[1] {
            let network = self.network(templates);
            things.networks.push(self.thing(id, serde_json::to_value(network).unwrap()));
        }
        for id in 1..=counts[1] {
            let payout = [
                json!({"kind": "auto"}),
                json!({"kind": "fixed", "amount": "2.5", "currency": "EUR"}),
            ];
            let repeat = [json!(null), json!("every"), json!("first_only")];
            let (payout, repeat) =
                (&payout[self.below(2) as usize], &repeat[self.below(3) as usize]);
            let body = json!({"words": (0..self.below(3)).map(|n| format!("w{n}")).collect::<Vec<_>>(),
                "payout": payout, "repeat": repeat, "order": self.below(3),
                "counts": self.below(2) == 0});
            things.conversion_types.push(self.thing(id, body));
        }
        for id in 1..=counts[2] {
            let offer = self.offer(id, &counts);
            things.offers.push(self.thing(id, offer));
        }
        for id in 1..=counts[3] {
            let lander =
                json!({"url": "https://l.example/{campaign.name}", "offers": 1 + self.below(3)});
            things.landers.push(self.thing(id, lander));
        }
        for id in 1..=counts[4] {
            // Only to campaign 1, whose flow leads to no campaign: nobody is led in circles.
            self.leads_on = id > 1;
            let flow = self.flow(&counts);
            things.flows.push(self.thing(id, flow));
        }
        for id in 1..=counts[5] {
            let campaign = self.campaign(id, &counts);
            things.campaigns.push(self.thing(id, campaign));
        }
        for id in 1..=counts[5] {
            let root = if self.is() { json!({"campaign": id}) } else { json!({}) };
            let not_found = json!({"url": "https://home.example/"});
            let domain =
                json!({"host": format!("go{id}.example"), "root": root, "not_found": not_found});
            things.domains.push(self.thing(id, domain));
        }
        let mut archived = self.thing(counts[5] + 1, json!({"key": "gone", "flow": 1}));
        archived.archived = true;
        things.campaigns.push(archived);
        let mut foreign = self.thing(counts[0] + 1, json!({}));
        foreign.workspace = 2;
        things.sources.push(foreign);
        things
    }

    fn source(&mut self, templates: &Templates) -> Source {
        let mut source = self.one(templates.sources()).to_source();
        if self.is() {
            source.template = None;
        }
        if self.is() {
            source.cost_param = None;
            source.params.truncate(1);
        }
        if self.is() {
            source.click_id_param = None;
            source.postback_urls.clear();
        }
        if self.is() { source } else { Source::default() }
    }

    fn network(&mut self, templates: &Templates) -> Network {
        let mut network = self.one(templates.networks()).to_network();
        let (word, status) = (self.text(), self.one(&model::thing::Status::ALL));
        network.status_map.insert(word.to_lowercase(), status);
        network.status_map.insert("offer".to_owned(), status);
        if self.is() {
            network.offer_url_param = None;
            network.addresses.clear();
        }
        if self.is() {
            network.template = None;
            network.params.insert("payout".to_owned(), "offer".to_owned());
        }
        network
    }

    fn offer(&mut self, id: ThingId, counts: &[ThingId]) -> Value {
        let network = self.is().then(|| 1 + self.below(counts[1]));
        let mut offer = json!({"url": "https://o.example/?a={sub1}&b=1", "network": network});
        if self.is() {
            offer["payout"] = json!({"kind": "fixed", "amount": "2.5", "currency": "EUR"});
        }
        if self.is() {
            offer["cap"] = json!({"of": self.one(&["clicks", "conversions"]), "per": self.one(&["day", "total"]),
                "amount": 1 + self.below(1000), "time_zone": "Asia/Tokyo"});
        }
        // Only to higher numbers, so that there is no circle.
        offer["next"] = if id < counts[2] && self.is() { json!(id + 1) } else { Value::Null };
        offer
    }

    fn flow(&mut self, counts: &[ThingId]) -> Value {
        let mut rules = Vec::new();
        for _ in 0..self.below(4) {
            let when = self.condition(0);
            rules.push(json!({"name": self.text(), "when": when, "paths": self.paths(counts)}));
        }
        let flow = json!({"time_zone": self.one(&[Some("Europe/Berlin"), None]), "rules": rules,
            "returning": self.one(&["draw_again", "same", "unseen"]), "default": self.paths(counts)});
        let mut flow: Flow = serde_json::from_value(flow).unwrap();
        flow.number_paths();
        serde_json::to_value(flow).unwrap()
    }

    fn condition(&mut self, depth: u32) -> Value {
        if depth < 3 && self.is() {
            let list = self.one(&["all", "any"]);
            let items: Vec<Value> =
                (0..=self.below(3)).map(|_| self.condition(depth + 1)).collect();
            return json!({ list: items });
        }
        match self.below(7) {
            0 => json!({"field": "source", "op": "in", "value": [1, 900 + self.below(9)]}),
            1 => json!({"field": "campaign", "op": "is_not", "value": 1 + self.below(5)}),
            2 => {
                json!({"param": "zone", "op": "starts_with", "value": format!("x{}", self.text().trim())})
            }
            3 => json!({"field": "country", "op": "in", "value": ["NO", "DE"]}),
            4 => json!({"field": "weekday", "op": "between", "value": [1, 5]}),
            5 => json!({"field": "os", "op": "known"}),
            _ => json!({"field": "bot", "op": "is", "value": true}),
        }
    }

    fn paths(&mut self, counts: &[ThingId]) -> Vec<Value> {
        (0..=self.below(3)).map(|_| self.path(counts)).collect()
    }

    fn path(&mut self, counts: &[ThingId]) -> Value {
        let mut path = match self.below(5) {
            0 => json!({"url": "https://direct.example/{click_id}"}),
            1 if self.leads_on => json!({"campaign": 1}),
            2 => json!({"status": {"code": 200, "text": self.text()}}),
            3 => json!({"landers": [{"lander": 1 + self.below(counts[3])}],
                "offers": [{"offer": 1, "weight": 1 + self.below(9)}], "offer_choice": "after"}),
            _ => {
                let offers = (1..=1 + self.below(counts[2]))
                    .map(|id| json!({"offer": id, "weight": id * 10}));
                json!({"offers": offers.collect::<Vec<_>>(), "pass": {"landers": self.is(), "offers": self.is()}})
            }
        };
        path["weight"] = json!(1 + self.below(100));
        path["mode"] = json!(self.one(&[
            "302",
            "307",
            "no_referrer",
            "meta",
            "double_meta",
            "js",
            "transparent"
        ]));
        path
    }

    fn campaign(&mut self, id: ThingId, counts: &[ThingId]) -> Value {
        let mut campaign =
            json!({"key": format!("k{id}x{}", self.below(9)), "flow": 1 + self.below(counts[4])});
        if id == 1 {
            campaign["flow"] = json!(1);
        }
        if self.is() {
            campaign["source"] = json!(1 + self.below(counts[0]));
            campaign["aliases"] = json!([format!("old{id}"), format!("older{id}")]);
            campaign["domain"] = json!(id);
            campaign["allowed_hosts"] = json!(["shop.example", "*.b.example"]);
        }
        if self.is() {
            campaign["cost"] = json!({"kind": "cpc", "amount": "0.05", "currency": "USD"});
            campaign["status"] = json!("paused");
            campaign["archived_url"] = json!("https://bye.example/");
        }
        campaign
    }
}
