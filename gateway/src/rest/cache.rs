//! Answers that clients may keep: a validator with each, and 304 to those who have it already
//! (RFC 9110, 8.8.3 and 13.1.2; RFC 9111).

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// How much of the hash is the validator, in bytes: no two answers of one resource will have the same.
const TAG: usize = 16;

/// Says of an answer how long it may be kept, and leaves out what the client has already. `kept` are its
/// lines of `if-none-match`.
pub(super) fn kept(
    mut response: Response<Bytes>,
    max_age: Duration,
    kept: &[HeaderValue],
) -> Response<Body> {
    if response.status() != StatusCode::OK {
        return response.map(Body::from);
    }
    let hash = Sha256::digest(response.body());
    let hex: String = hash
        .iter()
        .take(TAG)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Weak: the same answer may leave in several encodings.
    let tag = format!("W/\"{hex}\"");
    // Whose answer it is depends on the token, so no cache that is shared may have it.
    let control = match max_age.as_secs() {
        0 => "private, no-cache".to_owned(),
        seconds => format!("private, max-age={seconds}"),
    };
    let headers = response.headers_mut();
    if let (Ok(tag), Ok(control)) = (HeaderValue::try_from(&tag), HeaderValue::try_from(control)) {
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, control);
        let varies = HeaderValue::from_static("authorization, accept-language");
        headers.append(header::VARY, varies);
    }
    if kept.iter().any(|kept| names(kept, &tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
        return response.map(|_| Body::empty());
    }
    response.map(Body::from)
}

/// Whether `if-none-match` names a validator; weak ones are compared without their mark.
fn names(kept: &HeaderValue, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag);
    let kept = kept.to_str().unwrap_or_default();
    kept.trim() == "*" || kept.split(',').any(|kept| bare(kept) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str, if_none_match: Option<&str>) -> Response<Body> {
        let response = Response::new(Bytes::from_static(text.as_bytes()));
        let lines = if_none_match.into_iter().flat_map(str::lines);
        let lines: Vec<_> = lines.map(|line| line.parse().unwrap()).collect();
        kept(response, Duration::from_secs(60), &lines)
    }

    #[test]
    fn whoever_has_the_answer_is_told_that_it_has_not_changed() {
        let first = answer("{}", None);
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(first.headers()["cache-control"], "private, max-age=60");
        let strong = tag.trim_start_matches("W/");
        for has in [
            &tag,
            strong,
            "*",
            &format!("\"x\", {tag}"),
            &format!("\"x\"\n{tag}"),
        ] {
            let again = answer("{}", Some(has));
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{has}");
            assert_eq!(again.headers()["etag"], tag.as_str());
        }
        for other in ["\"x\"", "", "W/"] {
            assert_eq!(answer("{}", Some(other)).status(), StatusCode::OK);
        }
        assert_eq!(answer("{\"a\":1}", Some(&tag)).status(), StatusCode::OK);
    }

    #[test]
    fn what_is_no_plain_success_is_not_kept() {
        let mut created = Response::new(Bytes::new());
        *created.status_mut() = StatusCode::CREATED;
        let created = kept(created, Duration::ZERO, &[]);
        assert!(created.headers().get("etag").is_none());
    }
}
