//! Reads one HTTP answer out of the bytes that have arrived so far.

/// The most headers an answer may have.
const MAX_HEADERS: usize = 32;

/// A complete answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The server will close the connection.
    pub closes: bool,
    /// Where `Location` stands within the bytes that were given.
    pub location: Option<std::ops::Range<usize>>,
}

/// What the bytes hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    Complete(Answer),
    /// More bytes have to come.
    Partial,
    /// Not an answer this generator understands; chunked bodies included, which a redirect never has.
    Broken,
}

/// Looks for one whole answer, body included, at the start of the bytes.
pub fn read(bytes: &[u8]) -> Read {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head_bytes = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Read::Partial,
        Err(_) => return Read::Broken,
    };
    let status = response.code.unwrap_or_default();
    let mut answer = Answer { status, closes: response.version == Some(0), location: None };
    let mut body_bytes = if matches!(status, 100..200 | 204 | 304) { Some(0) } else { None };
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body_bytes = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok());
        } else if header.name.eq_ignore_ascii_case("location") {
            let start = header.value.as_ptr() as usize - bytes.as_ptr() as usize;
            answer.location = Some(start..start + header.value.len());
        } else if header.name.eq_ignore_ascii_case("connection") {
            answer.closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    match body_bytes {
        None => Read::Broken,
        Some(length) if bytes.len() < head_bytes + length => Read::Partial,
        Some(_) => Read::Complete(answer),
    }
}

/// The value of a query parameter in a URL, as it stands there.
pub fn query_value<'a>(url: &'a [u8], parameter: &str) -> Option<&'a [u8]> {
    let query = &url[url.iter().position(|&byte| byte == b'?')? + 1..];
    let query = query.split(|&byte| byte == b'#').next()?;
    query.split(|&byte| byte == b'&').find_map(|pair| {
        pair.strip_prefix(parameter.as_bytes())?
            .strip_prefix(b"=")
            .filter(|value| !value.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: http://o.test/?clickid=ct_1&x=2\r\n\
        Content-Length: 5\r\n\r\nhello";

    #[test]
    fn an_answer_is_complete_with_its_last_byte_and_not_before() {
        for length in 0..REDIRECT.len() {
            assert_eq!(read(&REDIRECT[..length]), Read::Partial, "{length} bytes");
        }
        let Read::Complete(answer) = read(REDIRECT) else { panic!("incomplete") };
        assert_eq!((answer.status, answer.closes), (302, false));
        assert_eq!(&REDIRECT[answer.location.unwrap()], b"http://o.test/?clickid=ct_1&x=2");
    }

    #[test]
    fn bodies_are_measured_by_status_and_length() {
        let cases: [(&[u8], Read); 4] = [
            (
                b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
                Read::Complete(Answer { status: 204, closes: true, location: None }),
            ),
            (
                b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
                Read::Complete(Answer { status: 200, closes: true, location: None }),
            ),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Read::Broken),
            (b"SSH-2.0-OpenSSH\r\n\r\n", Read::Broken),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_query_value_is_found_by_its_whole_name() {
        let url = b"http://o.test/a?myclickid=no&clickid=ct_1&z=3#clickid=later";
        assert_eq!(query_value(url, "clickid"), Some(&b"ct_1"[..]));
        assert_eq!(query_value(url, "z"), Some(&b"3"[..]));
        assert_eq!(query_value(url, "click"), None);
        assert_eq!(query_value(b"http://o.test/clickid=1", "clickid"), None);
        assert_eq!(query_value(b"http://o.test/?clickid=", "clickid"), None);
    }
}
