//! Versions, ordered by their numbers: 9 is older than 10.1, and 10 the same as 10.0.

/// The numbers of a version, at most four; what is absent is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version([u32; 4]);

impl Version {
    /// The oldest there is.
    pub(crate) const FIRST: Self = Self([0; 4]);

    /// The newest there is.
    pub(crate) const LAST: Self = Self([u32::MAX; 4]);

    /// Reads `10.1.2`, also with `_` or `-`; reading ends at what is no number (`10.1b2` is 10.1).
    /// `None` when there is no number at its beginning, as in `XP`.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut numbers = [0u32; 4];
        let mut at = 0;
        for (i, number) in numbers.iter_mut().enumerate() {
            let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return (i > 0).then_some(Self(numbers));
            }
            for byte in &text[at..at + digits] {
                *number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
            }
            at += digits;
            match text.get(at) {
                Some(b'.' | b'_' | b'-') => at += 1,
                _ => break,
            }
        }
        Some(Self(numbers))
    }

    /// The next older one.
    pub(crate) fn before(self) -> Self {
        Self::from_bits(self.bits().saturating_sub(1))
    }

    /// The next newer one.
    pub(crate) fn after(self) -> Self {
        Self::from_bits(self.bits().saturating_add(1))
    }

    fn bits(self) -> u128 {
        self.0.iter().fold(0, |bits, number| bits << 32 | u128::from(*number))
    }

    fn from_bits(bits: u128) -> Self {
        Self([96, 64, 32, 0].map(|shift| (bits >> shift) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_by_one_in_the_last_number() {
        let nine = Version([9, 0, 0, 0]);
        assert_eq!(nine.before(), Version([8, u32::MAX, u32::MAX, u32::MAX]));
        assert_eq!(nine.before().after(), nine);
        assert_eq!(nine.after(), Version([9, 0, 0, 1]));
        assert_eq!(
            (Version::FIRST.before(), Version::LAST.after()),
            (Version::FIRST, Version::LAST)
        );
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let read = |text: &str| Version::read(text.as_bytes());
        let ascending = ["8.9.9", "9", "9.0.1", "10.0.22000", "10.1", "10.1.1", "99999999999"];
        for pair in ascending.windows(2) {
            assert!(read(pair[0]) < read(pair[1]), "{pair:?}");
        }
        for (same, other) in [
            ("10", "10.0"),
            ("10_1", "10.1"),
            ("10.1b2", "10.1"),
            ("17.", "17"),
            ("1.2.3.4.5", "1.2.3.4"),
        ] {
            assert_eq!(read(same), read(other));
            assert!(read(same).is_some());
        }
        for none in ["", "XP", ".1", "Vista 6"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
