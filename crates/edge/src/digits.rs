//! Numbers and addresses as text, without the formatting machinery: it costs more than what it prints.

use std::net::IpAddr;

/// Appends `value` as 16 hexadecimal digits, lower case.
pub(crate) fn push_hex(out: &mut String, value: u64) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for nibble in (0..16).rev() {
        out.push(char::from(HEX[(value >> (4 * nibble)) as usize & 15]));
    }
}

/// Appends an address as people write it.
pub(crate) fn push_address(out: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (place, octet) in ip.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push('.');
                }
                push_small(out, octet);
            }
        }
        IpAddr::V6(ip) => out.push_str(&ip.to_string()),
    }
}

fn push_small(out: &mut String, value: u8) {
    if value >= 100 {
        out.push(char::from(b'0' + value / 100));
    }
    if value >= 10 {
        out.push(char::from(b'0' + value / 10 % 10));
    }
    out.push(char::from(b'0' + value % 10));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_formatting_machinery() {
        for value in [0, 1, 0xabc, u64::MAX, 0x0123_4567_89ab_cdef] {
            let mut text = String::new();
            push_hex(&mut text, value);
            assert_eq!(text, format!("{value:016x}"));
        }
        for ip in ["0.0.0.0", "1.20.255.100", "198.51.100.7", "2001:db8::1", "::"] {
            let mut text = String::new();
            push_address(&mut text, ip.parse().unwrap());
            assert_eq!(text, ip);
        }
    }
}
