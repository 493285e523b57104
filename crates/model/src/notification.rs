//! ClickBank's Instant Notification Service: what a sealed body says, in the words of a postback.
//!
//! The body is `{"notification": …, "iv": …}`, both base64: AES-256-CBC with PKCS #7 padding; the key is the first 32
//! characters of the lower-case hexadecimal SHA-1 of the account's secret
//! (<https://support.clickbank.com/en/articles/10535147>).

use crate::params::encode;
use crate::postback::body_pairs;
use crate::thing::Network;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha1::{Digest, Sha1};

/// What stands for a notification that cannot be opened.
pub const SEALED: &str = "sealed";

/// Amounts are those of the affiliate's account, which ClickBank keeps in this currency.
const CURRENCY: &str = "USD";

/// The pairs of a call's body, encoded like those of a query; those of a sealed notification are opened with the
/// network's secret.
pub fn read_body(body: &str, network: Option<&Network>) -> Vec<(String, String)> {
    let Some((sealed, iv)) = sealed(body) else { return body_pairs(body) };
    let secret = network.and_then(|network| network.notification_secret.as_deref());
    let opened = secret.and_then(|secret| open(&sealed, &iv, secret));
    let pairs = opened.map_or_else(|| vec![("ct_ignore", SEALED.to_owned())], |said| pairs(&said));
    pairs.into_iter().map(|(name, value)| (name.to_owned(), encode(&value))).collect()
}

/// Notification and initialization vector of a body that holds them.
fn sealed(body: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    if !body.contains("\"notification\"") {
        return None;
    }
    let body: Value = serde_json::from_str(body.trim()).ok()?;
    let part = |name: &str| STANDARD.decode(body.get(name)?.as_str()?.trim()).ok();
    Some((part("notification")?, part("iv")?))
}

fn open(sealed: &[u8], iv: &[u8], secret: &str) -> Option<Value> {
    let digest = Sha1::digest(secret.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&hex.as_bytes()[..32], iv).ok()?;
    let text = cipher.decrypt_padded_vec_mut::<Pkcs7>(sealed).ok()?;
    serde_json::from_slice(text.trim_ascii()).ok()
}

/// What it says of a conversion: sales and renewals, and what took them back.
fn pairs(said: &Value) -> Vec<(&'static str, String)> {
    let text = |name: &str| match said.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let word = text("transactionType").to_ascii_uppercase();
    let receipt = text("receipt");
    let mut pairs = Vec::new();
    match word.as_str() {
        "SALE" | "BILL" => {
            pairs.push(("payout", text("totalAccountAmount")));
            pairs.push(("currency", CURRENCY.to_owned()));
            pairs.push(("status", "approved".to_owned()));
        }
        "RFND" | "CGBK" | "INSF" => {
            let amount = text("totalAccountAmount");
            let amount = amount.trim_start_matches('-');
            if amount.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
                // It may be a part of the sale: what it names is taken back.
                pairs.push(("payout", format!("-{amount}")));
                pairs.push(("currency", CURRENCY.to_owned()));
            }
            pairs.push(("status", "chargeback".to_owned()));
        }
        // Tests, and what happens to a subscription or a cart.
        _ => pairs
            .push(("ct_ignore", if word.is_empty() { "no type".to_owned() } else { word.clone() })),
    }
    let kind = if word == "BILL" || is_renewal(&receipt) { "rebill" } else { "sale" };
    pairs.push(("type", kind.to_owned()));
    pairs.push(("txid", receipt));
    let codes = said.get("trackingCodes").and_then(Value::as_array).into_iter().flatten();
    pairs.extend(codes.filter_map(Value::as_str).map(|code| ("clickid", code.to_owned())));
    pairs
}

/// Renewals have the receipt of the first sale and their number: `ABCDEFGH-B002`.
fn is_renewal(receipt: &str) -> bool {
    let number = receipt.rsplit_once("-B").map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::BlockEncryptMut;
    use serde_json::json;

    fn seal(said: &Value, secret: &str) -> String {
        let hex: String =
            Sha1::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let iv = [7; 16];
        let cipher =
            cbc::Encryptor::<aes::Aes256>::new_from_slices(&hex.as_bytes()[..32], &iv).unwrap();
        let sealed = cipher.encrypt_padded_vec_mut::<Pkcs7>(said.to_string().as_bytes());
        json!({ "notification": STANDARD.encode(sealed), "iv": STANDARD.encode(iv) }).to_string()
    }

    fn read(said: &Value, secret: &str) -> Vec<(String, String)> {
        let network = Network { notification_secret: Some("S3CRET".into()), ..Network::default() };
        read_body(&seal(said, secret), Some(&network))
    }

    fn plain(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_notification_is_opened_by_the_accounts_secret_alone() {
        let sale = json!({ "transactionType": "SALE", "receipt": "CWOGBZLN", "totalAccountAmount": 12.5,
            "trackingCodes": ["ct_1"], "currency": "EUR" });
        assert_eq!(
            read(&sale, "S3CRET"),
            plain(&[
                ("payout", "12.5"),
                ("currency", "USD"),
                ("status", "approved"),
                ("type", "sale"),
                ("txid", "CWOGBZLN"),
                ("clickid", "ct_1"),
            ])
        );
        assert_eq!(read(&sale, "another"), plain(&[("ct_ignore", SEALED)]));
        assert_eq!(read_body(&seal(&sale, "x"), None), plain(&[("ct_ignore", SEALED)]));
        assert_eq!(read_body("a=1", None), plain(&[("a", "1")]));
    }

    #[test]
    fn what_takes_a_sale_back_names_its_conversion_and_tests_are_none() {
        for (word, receipt, expected) in [
            ("BILL", "A-B002", ("rebill", None)),
            ("RFND", "A-B002", ("rebill", Some("chargeback"))),
            ("CGBK", "A", ("sale", Some("chargeback"))),
            ("INSF", "A-B", ("sale", Some("chargeback"))),
        ] {
            let said =
                json!({ "transactionType": word, "receipt": receipt, "totalAccountAmount": "-3" });
            let pairs = read(&said, "S3CRET");
            let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
            assert_eq!(value("type"), Some(expected.0), "{word}");
            if let Some(status) = expected.1 {
                assert_eq!(
                    (value("status"), value("payout")),
                    (Some(status), Some("-3")),
                    "{word}"
                );
                assert_eq!(value("currency"), Some(CURRENCY));
            }
        }
        for (amount, payout) in
            [(json!(4.5), Some("-4.5")), (json!("0.00"), None), (json!(""), None)]
        {
            let said =
                json!({ "transactionType": "RFND", "receipt": "A", "totalAccountAmount": amount });
            let pairs = read(&said, "S3CRET");
            let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
            assert_eq!(
                (value("payout"), value("status")),
                (payout, Some("chargeback")),
                "{amount}"
            );
        }
        for word in ["TEST", "TEST_SALE", "test_rfnd", "CANCEL-REBILL", "ABANDONED_ORDER", ""] {
            let pairs = read(&json!({ "transactionType": word, "receipt": "A" }), "S3CRET");
            assert!(pairs.iter().any(|(name, _)| name == "ct_ignore"), "{word}");
        }
    }
}
