//! The request id: the client's, or one of ours.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const LONGEST: usize = 128;

/// The id of a request: what the client sent if it is short and printable, else a new one. It is
/// put into the headers, so that the services' logs have it too.
pub fn settle(headers: &mut HeaderMap) -> HeaderValue {
    let good = |id: &&HeaderValue| {
        (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    let given = headers.get(&HEADER).filter(good).cloned();
    let id = given.unwrap_or_else(|| {
        let id = Uuid::now_v7();
        let text = &mut Uuid::encode_buffer();
        HeaderValue::from_str(id.hyphenated().encode_lower(text)).expect("a UUID is printable")
    });
    headers.insert(HEADER, id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_id_is_kept_and_a_bad_one_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static("abc-1"));
        assert_eq!(settle(&mut headers), "abc-1");
        for bad in ["", "a b", &"x".repeat(129)] {
            headers.insert(HEADER, HeaderValue::try_from(bad).unwrap());
            assert!(Uuid::parse_str(settle(&mut headers).to_str().unwrap()).is_ok());
        }
    }
}
