//! Until when a certificate holds, and when an operator is told: a domain whose certificate ended is a dead one.

use anyhow::Context;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How long before its end. What renews by itself does so a month before (Let's Encrypt's integration guide).
const WARNED_BEFORE_S: i64 = 14 * DAY_S;

/// How often it is said.
const SAID_EVERY_S: i64 = DAY_S;

const DAY_S: i64 = 24 * 60 * 60;

/// The end of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    ends_at_s: i64,
    said_at_s: Option<i64>,
}

/// What is to be said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// So many days are left.
    Days(i64),
    /// Browsers refuse it by now.
    Over,
}

impl CertificateEnd {
    /// Reads it (RFC 5280, 4.1.2.5).
    ///
    /// # Errors
    /// When that is no certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> anyhow::Result<Self> {
        let (_, read) = X509Certificate::from_der(certificate).context("it is no certificate")?;
        Ok(Self { ends_at_s: read.validity().not_after.timestamp(), said_at_s: None })
    }

    /// The end, Unix seconds.
    pub fn at_s(&self) -> i64 {
        self.ends_at_s
    }

    /// What is to be said at this moment, Unix seconds: once a day from two weeks before the end.
    pub fn notice(&mut self, now_s: i64) -> Option<Notice> {
        let left_s = self.ends_at_s - now_s;
        let is_said = self.said_at_s.is_some_and(|said_at_s| now_s < said_at_s + SAID_EVERY_S);
        if left_s > WARNED_BEFORE_S || is_said {
            return None;
        }
        self.said_at_s = Some(now_s);
        Some(if left_s > 0 { Notice::Days(left_s / DAY_S) } else { Notice::Over })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_and_said_once_a_day_from_two_weeks_before() {
        let mut made = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        made.not_after = rcgen::date_time_ymd(2030, 1, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = made.self_signed(&key).unwrap();
        let mut end = CertificateEnd::of(certificate.der()).unwrap();
        let end_s = 1_896_048_000;
        assert_eq!(end.at_s(), end_s);
        for (days, hours, notice) in [
            (-30, 0, None),
            (-15, 0, None),
            (-14, 0, Some(Notice::Days(14))),
            (-14, 23, None),
            (-13, 0, Some(Notice::Days(13))),
            (-1, 1, Some(Notice::Days(0))),
            (0, 1, Some(Notice::Over)),
            (0, 2, None),
            (1, 1, Some(Notice::Over)),
        ] {
            assert_eq!(end.notice(end_s + days * DAY_S + hours * 3600), notice, "{days} {hours}");
        }
        assert!(CertificateEnd::of(&CertificateDer::from(vec![1, 2, 3])).is_err());
    }
}
