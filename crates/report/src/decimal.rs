//! Decimal text of whole numbers of millionths, which money and fractions are.

use model::money::divide_half_even;

/// Decimals of a millionth.
const PLACES_MAX: usize = 6;

/// An amount of micro-units, or another number of millionths, as text: all decimals that are not zero, and at least
/// two.
pub fn print(millionths: i128) -> String {
    fixed(millionths, places(millionths).max(2))
}

/// How many decimals it takes to print the number exactly.
pub(crate) fn places(millionths: i128) -> usize {
    let mut rest = millionths.unsigned_abs() % 1_000_000;
    let mut places = PLACES_MAX;
    while places > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        places -= 1;
    }
    places
}

/// Rounded half-even to `places` decimals, of which there are at most six.
pub(crate) fn fixed(millionths: i128, places: usize) -> String {
    let places = places.min(PLACES_MAX);
    let unit = 10u128.pow(places as u32);
    let step = 1_000_000 / unit as i128;
    let rounded = divide_half_even(millionths, step).unwrap_or_default();
    let sign = if rounded < 0 { "-" } else { "" };
    let (whole, fraction) = (rounded.unsigned_abs() / unit, rounded.unsigned_abs() % unit);
    if places == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction:0places$}")
    }
}

/// Reads what [`print`] printed.
pub(crate) fn read(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || !plain(digits) || !plain(fraction) || fraction.len() > PLACES_MAX {
        return None;
    }
    format!("{whole}{fraction:0<PLACES_MAX$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_print_exactly() {
        for (millionths, expected) in [
            (0, "0.00"),
            (1_500_000, "1.50"),
            (-1, "-0.000001"),
            (-12_345_678, "-12.345678"),
            (120_000, "0.12"),
            (i128::from(i64::MAX) * 10, "92233720368547.75807"),
        ] {
            assert_eq!(print(millionths), expected);
        }
    }

    #[test]
    fn fixed_places_round_half_even() {
        for (millionths, places, expected) in [
            (125_000, 2, "0.12"),
            (135_000, 2, "0.14"),
            (-125_001, 2, "-0.13"),
            (-4_000, 2, "0.00"),
            (500_000, 0, "0"),
            (1_500_000, 0, "2"),
            (1_234_567, 4, "1.2346"),
        ] {
            assert_eq!(fixed(millionths, places), expected);
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".5", "1.2.3", "1e3", "+1", "--1", "1.0000001", "1,5"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn printed_decimals_read_back(millionths in any::<i64>()) {
            prop_assert_eq!(read(&print(millionths.into())), Some(millionths.into()));
        }

        #[test]
        fn amounts_print_as_the_model_prints_them(micro in any::<i64>()) {
            prop_assert_eq!(print(micro.into()), model::Money(micro).to_string());
        }
    }
}
