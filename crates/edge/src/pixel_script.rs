//! `/pixel.js`: loads the pixel from a page, with the ids that the page was opened with.

use crate::reply::{self, Reply};
use model::postback::{PARAMS, PostbackParam};
use model::table::PLATFORM_ID_PARAMS;

const SCRIPT: &str = include_str!("pixel.js");

/// Where the names of the parameters stand that are taken over from the page's address.
const NAMES: &str = "[/* names */]";

/// The answer: the same for every page.
pub(crate) fn pixel_script() -> Reply {
    reply::script(text())
}

fn text() -> String {
    let own = PARAMS.iter().filter(|(param, _)| *param == PostbackParam::ClickId);
    let own = own.flat_map(|(_, names)| names.iter());
    let names: Vec<&&str> = own.chain(PLATFORM_ID_PARAMS).collect();
    SCRIPT.replace(NAMES, &serde_json::json!(names).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_that_a_call_is_attributed_by_is_taken_over() {
        let text = text();
        for name in ["clickid", "cid"].iter().chain(PLATFORM_ID_PARAMS) {
            assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
        }
        assert!(!text.contains(NAMES));
    }
}
