//! Crockford's base32 over 130 bits: lower case when written, case and look-alikes folded when read.

/// Characters of a click id behind its prefix: 26 × 5 bits = 130 bits.
pub(crate) const CHARS: usize = 26;

/// Crockford's alphabet in its order (no `i l o u`), lower case because several networks fold ids.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const BAD: u8 = 0xff;

/// Value of every byte: 0–31, or [`BAD`]. `O` reads as 0, `I` and `L` as 1 (Crockford's rule).
const VALUES: [u8; 256] = {
    let mut values = [BAD; 256];
    let mut i = 0;
    while i < 32 {
        let c = ALPHABET[i];
        values[c as usize] = i as u8;
        values[c.to_ascii_uppercase() as usize] = i as u8;
        i += 1;
    }
    values[b'o' as usize] = 0;
    values[b'O' as usize] = 0;
    values[b'i' as usize] = 1;
    values[b'I' as usize] = 1;
    values[b'l' as usize] = 1;
    values[b'L' as usize] = 1;
    values
};

/// The 130 bits of an id, most significant first: `high` holds the upper 84, `low` the lower 46.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    pub high: u128,
    pub low: u64,
}

/// Bits of the lower part, which carries the MAC.
pub(crate) const LOW_BITS: u32 = 46;

/// Writes the 26 digits of `bits`.
pub(crate) fn encode(bits: Bits) -> [u8; CHARS] {
    let digits = split(bits);
    digits.map(|d| ALPHABET[usize::from(d)])
}

/// Digit values of a text of at most 26 characters; `None` when a character is no digit.
pub(crate) fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.iter().map(|&c| VALUES[usize::from(c)]).collect();
    (!digits.contains(&BAD)).then_some(digits)
}

/// Reads exactly 26 characters; the position of the first that is no digit on failure.
pub(crate) fn decode(text: &[u8; CHARS]) -> Result<Bits, usize> {
    let mut values = [0u8; CHARS];
    for (i, &c) in text.iter().enumerate() {
        let value = VALUES[usize::from(c)];
        if value == BAD {
            return Err(i);
        }
        values[i] = value;
    }
    Ok(join(&values))
}

/// The 26 digit values of `bits`: 84 upper bits are 16 digits and four bits of the 17th.
pub(crate) fn split(bits: Bits) -> [u8; CHARS] {
    let mut out = [0u8; CHARS];
    for (i, digit) in out.iter_mut().enumerate() {
        *digit = match i {
            0..=15 => (bits.high >> (79 - 5 * i)) as u8 & 31,
            16 => ((bits.high as u8 & 15) << 1) | (bits.low >> 45) as u8 & 1,
            _ => (bits.low >> (5 * (25 - i))) as u8 & 31,
        };
    }
    out
}

/// The inverse of [`split`].
pub(crate) fn join(digits: &[u8; CHARS]) -> Bits {
    let mut high = 0u128;
    for &d in &digits[..16] {
        high = (high << 5) | u128::from(d);
    }
    high = (high << 4) | u128::from(digits[16] >> 1);
    let mut low = u64::from(digits[16] & 1);
    for &d in &digits[17..] {
        low = (low << 5) | u64::from(d);
    }
    Bits { high, low }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_bit_pattern_survives_the_round_trip(high in any::<u128>(), low in any::<u64>()) {
            let bits = Bits { high: high >> 44, low: low >> 18 };
            prop_assert_eq!(decode(&encode(bits)), Ok(bits));
        }

        #[test]
        fn text_order_is_bit_order(a in any::<(u128, u64)>(), b in any::<(u128, u64)>()) {
            let a = Bits { high: a.0 >> 44, low: a.1 >> 18 };
            let b = Bits { high: b.0 >> 44, low: b.1 >> 18 };
            prop_assert_eq!(encode(a).cmp(&encode(b)), (a.high, a.low).cmp(&(b.high, b.low)));
        }
    }

    #[test]
    fn look_alikes_and_case_fold() {
        let canonical = *b"00000111110123456789abcdef";
        let typed = *b"oO0oOiIlL1o123456789ABCDEF";
        let Ok(expected) = decode(&canonical) else { panic!("canonical text decodes") };
        assert_eq!(decode(&typed), Ok(expected));
    }

    #[test]
    fn the_position_of_a_foreign_character_is_named() {
        assert_eq!(decode(b"0123456789u123456789abcdef"), Err(10));
        assert_eq!(digits(b"01-"), None);
    }
}
