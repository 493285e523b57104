//! After a restart: what the journal says fills the memory again.

use crate::rig::*;
use model::Field;

#[tokio::test]
async fn first_visits_duplicates_clicks_and_ids_survive_a_restart() {
    let rig = Rig::new();
    let first = rig.get("/c/page?tid=T1&sub1=kept").await;
    let visitor = format!("ct_v={}", cookie(&first, "ct_v").unwrap());
    let id = rig.id_in(&first);
    rig.pass_ms(-30_000);

    let edge = rig.restarted();
    let key = edge.status().newest_key;
    assert_eq!(key, id.key);
    let unique = |facts: &model::Facts| {
        [Field::UniqueCampaign, Field::UniqueFlow, Field::UniqueAll].map(|field| facts.flag(field))
    };
    // By address, by the cookie given before, and the foreign id again.
    for ask in [
        Ask::get("/c/page?tid=T1"),
        Ask { peer: "192.0.2.1", ..Ask::get("/c/page?tid=T1") }.with("cookie", &visitor),
    ] {
        let reply = ask.to(&edge).await;
        let facts = rig.last().facts;
        assert_eq!(unique(&facts), [false; 3]);
        assert!(facts.flag(Field::Duplicate) && facts.flag(Field::ClockSuspect));
        assert!(rig.id_in(&reply).key > id.key);
    }
    let uri = format!("/click?clickid={}", id.text("ct_", &rig.keys));
    let reply = Ask::get(&uri).to(&edge).await;
    assert!(location(&reply).contains("kept") || location(&reply).contains("second.example"));
    assert!(!rig.last().facts.flag(Field::Rerouted));
    // Somebody new is still new.
    Ask { peer: "192.0.2.200", ..Ask::get("/c/page") }.to(&edge).await;
    assert_eq!(unique(&rig.last().facts), [true; 3]);
}
