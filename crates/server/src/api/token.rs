//! The form of an API key: 32 random characters and a checksum that tells a typo from an unknown key.

use sha2::{Digest, Sha256};

/// What stands in front of every key, so that scanners find keys that leaked.
const PREFIX: &str = "ct_live_";

/// Random characters: 190 bits.
const SECRET_CHARS: usize = 32;

/// Characters of the checksum: 62^6 exceeds 2^32.
const CHECKSUM_CHARS: usize = 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key, to be shown once, and its SHA-256, to be kept.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_token() -> Result<(String, [u8; 32]), getrandom::Error> {
    let secret = random_text(ALPHABET, SECRET_CHARS)?;
    let token = format!("{PREFIX}{secret}_{}", checksum(&secret));
    let sha256 = sha256(&token);
    Ok((token, sha256))
}

/// `length` characters of `alphabet`, each equally likely.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_text(alphabet: &[u8], length: usize) -> Result<String, getrandom::Error> {
    // Bytes at the uneven end of the range would make some characters likelier than others.
    let even = 256 / alphabet.len() * alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < even);
        let chars = fair.map(|byte| char::from(alphabet[byte % alphabet.len()]));
        text.extend(chars.take(length - text.len()));
    }
    Ok(text)
}

/// What is kept of a key. Its 190 random bits need no slow hash.
pub fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether a text has the form of a key, its checksum included.
pub fn is_well_formed(token: &str) -> bool {
    let parts = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(secret, sum)| {
        secret.len() == SECRET_CHARS
            && secret.bytes().all(|b| b.is_ascii_alphanumeric())
            && sum == checksum(secret)
    })
}

/// CRC-32C of the random characters, in base 62.
fn checksum(secret: &str) -> String {
    let mut rest = crc32c::crc32c(secret.as_bytes()) as usize;
    let mut digits = [0u8; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest % ALPHABET.len()];
        rest /= ALPHABET.len();
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_its_form_and_no_other_key_is_like_it() {
        let (token, hash) = new_token().unwrap();
        assert_eq!(token.len(), PREFIX.len() + SECRET_CHARS + 1 + CHECKSUM_CHARS);
        assert!(is_well_formed(&token));
        assert_eq!(hash, sha256(&token));
        assert_ne!(token, new_token().unwrap().0);
    }

    #[test]
    fn every_slip_of_one_character_is_noticed() {
        let (token, _) = new_token().unwrap();
        for i in 0..token.len() {
            let cut = [&token[..i], &token[i + 1..]].concat();
            assert!(!is_well_formed(&cut), "{cut}");
            let other = if token.as_bytes()[i] == b'x' { "y" } else { "x" };
            let altered = [&token[..i], other, &token[i + 1..]].concat();
            assert!(!is_well_formed(&altered), "{altered}");
        }
        for text in ["", "ct_live_", "ct_live__", "bearer"] {
            assert!(!is_well_formed(text));
        }
    }

    #[test]
    fn every_character_of_an_alphabet_occurs() {
        let text = random_text(b"abc", 1000).unwrap();
        assert!("abc".chars().all(|c| text.matches(c).count() > 200), "{text}");
    }
}
