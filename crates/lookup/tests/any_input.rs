//! Whatever a stranger sends as a user agent or hint is read in bounded time and memory, without a panic.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lookup::{Agents, Hints};
use proptest::prelude::*;

fn agents() -> &'static Agents {
    static AGENTS: OnceLock<Agents> = OnceLock::new();
    AGENTS.get_or_init(|| Agents::load().unwrap())
}

/// Far more than a look-up takes on a busy machine, far less than what a quadratic one would.
const DEADLINE: Duration = Duration::from_secs(2);

fn reads(user_agent: &str, hint: &str) {
    let hint = Some(hint);
    let hints = Hints {
        ua: hint,
        mobile: hint,
        platform: hint,
        platform_version: hint,
        model: hint,
        full_version_list: hint,
        form_factors: hint,
        requested_with: hint,
    };
    let start = Instant::now();
    let agent = agents().read(user_agent, &hints);
    assert!(start.elapsed() < DEADLINE, "{:?} for {user_agent:?}", start.elapsed());
    let texts = [
        &agent.brand,
        &agent.model,
        &agent.os,
        &agent.os_version,
        &agent.browser,
        &agent.browser_version,
    ];
    assert!(texts.iter().all(|text| text.len() <= 2 * lookup::USER_AGENT_LIMIT_BYTES));
}

/// Pieces that the expressions look for, so that an arrangement of them gets deep into the rules.
const PIECES: [&str; 24] = [
    "Mozilla/5.0 (",
    "Linux; ",
    "Android 14; ",
    "Build/",
    "; wv",
    ")",
    "(",
    " AppleWebKit/537.36",
    " (KHTML, like Gecko)",
    " Version/4.0",
    " Chrome/130.0.0.0",
    " Mobile Safari/537.36",
    " [FBAN/FBIOS;FBAV/",
    "1.2.3",
    "iPhone; CPU iPhone OS 18_7",
    "compatible; ",
    "Windows NT 10.0",
    "Opera/9.80",
    "HbbTV/1.5.1 (",
    "UCWEB/2.0",
    "; ",
    "\u{fffd}",
    "äöü",
    "SM-T970",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text(user_agent in "\\PC{0,8192}", hint in "\\PC{0,300}") {
        reads(&user_agent, &hint);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..8192)) {
        let text = String::from_utf8_lossy(&bytes);
        reads(&text, &text);
    }

    #[test]
    fn any_arrangement_of_what_browsers_say(pieces in prop::collection::vec(0..PIECES.len(), 0..400)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        reads(&text, &text);
    }

    #[test]
    fn any_repetition(piece in prop::sample::select(PIECES.to_vec()), count in 0_usize..2000) {
        reads(&piece.repeat(count), "");
    }
}

#[test]
fn what_exceeds_the_limit_makes_no_difference() {
    let head = "x".repeat(lookup::USER_AGENT_LIMIT_BYTES);
    let one = agents().read(&format!("{head} Googlebot/2.1"), &Hints::default());
    let other = agents().read(&format!("{head} iPhone"), &Hints::default());
    assert_eq!(one, other);
}
