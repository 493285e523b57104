//! Which known words somebody may have meant by an unknown one.

/// The most words that are suggested.
const WORDS_MAX: usize = 3;

/// The known words nearest to `word`, nearest first: those that differ in at most a third of their
/// characters, or have it as a part.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.trim().to_lowercase().replace(['-', ' ', '.'], "_");
    let ranked = known.filter_map(|candidate| {
        let distance = distance(&word, candidate);
        let is_part = word.len() >= 3 && (candidate.contains(&word) || word.contains(candidate));
        (is_part || distance * 3 <= word.len().max(candidate.len()))
            .then_some((distance, candidate))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_unstable();
    ranked.into_iter().take(WORDS_MAX).map(|(_, candidate)| candidate).collect()
}

/// How many characters have to be put in, taken out or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "ab", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn the_word_that_was_meant_comes_first() {
        let known = ["google_ads", "meta", "propellerads", "richads_pop", "richads_push", "x"];
        for (word, expected) in [
            ("propelerads", &["propellerads"][..]),
            ("Google-Ads", &["google_ads"]),
            ("google", &["google_ads"]),
            ("richads", &["richads_pop", "richads_push"]),
            ("metta", &["meta"]),
            ("tiktok", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest(word, known.into_iter()), expected, "{word}");
        }
    }
}
