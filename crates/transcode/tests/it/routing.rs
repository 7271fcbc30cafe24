//! Which method a request reaches.

use http::Method;
use transcode::{Miss, Transcoder};

use crate::support::library;

fn reached(library: &Transcoder, method: &str, path: &str) -> String {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    match library.find(&method, path) {
        Ok(route) => route.method().name().to_owned(),
        Err(Miss::NotFound) => "404".to_owned(),
        Err(Miss::MethodNotAllowed { allow }) => format!("405 {allow}"),
        Err(Miss::BadPath(_)) => "400".to_owned(),
    }
}

/// Source: google/api/http.proto, "Path template syntax"; precedence and misses are this project's.
#[test]
fn requests_reach_the_most_specific_method() {
    for (method, path, expected) in [
        ("GET", "/v1/books/7", "GetBook"),
        ("GET", "/v1/books/mine", "GetMyBook"),
        ("GET", "/v1/books/%6Dine", "GetMyBook"),
        ("HEAD", "/v1/books/7", "GetBook"),
        ("GET", "/v1/shelves/a/books/b", "GetBook"),
        ("GET", "/v1/files", "GetBook"),
        ("GET", "/v1/files/a/b/c", "GetBook"),
        ("PATCH", "/v1/shelves/a/books/b", "UpdateBook"),
        ("POST", "/v1/books/7:archive", "ArchiveBook"),
        ("POST", "/v1/books/mine:archive", "ArchiveBook"),
        // The verb's own route takes POST only, but `*` matches the whole segment too.
        ("GET", "/v1/books/7:archive", "GetBook"),
        // An encoded colon is data.
        ("POST", "/v1/books/7%3Aarchive", "405 GET, HEAD, OPTIONS"),
        ("POST", "/v1/books/7:other", "405 GET, HEAD, OPTIONS"),
        ("LINK", "/v1/links/7", "Link"),
        ("GET", "/v1/links/7", "405 LINK, OPTIONS"),
        ("GET", "/v1/anything", "Anything"),
        ("PURGE", "/v1/anything", "Anything"),
        ("DELETE", "/v1/books/mine", "405 GET, HEAD, OPTIONS"),
        (
            "DELETE",
            "/v1/shelves/a/books/b",
            "405 GET, HEAD, OPTIONS, PATCH",
        ),
        ("GET", "/v1/books/", "404"),
        ("GET", "/v1/books", "404"),
        ("GET", "/v1/books/7/", "404"),
        ("GET", "/v1//books/7", "404"),
        ("GET", "/V1/books/7", "404"),
        ("GET", "/", "404"),
        ("GET", "", "404"),
        ("OPTIONS", "*", "404"),
        ("GET", "/v1/books/%zz", "400"),
        ("GET", "/v1/books/%ff", "400"),
        ("GET", "/v1/books/%00", "400"),
    ] {
        assert_eq!(
            reached(library(), method, path),
            expected,
            "{method} {path}"
        );
    }
}

#[test]
fn options_is_answered_from_the_allowed_methods() {
    assert_eq!(
        library().allowed("/v1/shelves/a/books/b").as_deref(),
        Some("GET, HEAD, OPTIONS, PATCH")
    );
    assert_eq!(
        library().allowed("/v1/books/7:archive").as_deref(),
        Some("GET, HEAD, OPTIONS, POST")
    );
    assert_eq!(
        library().allowed("/v1/anything").as_deref(),
        Some("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
    );
    assert_eq!(library().allowed("/nowhere"), None);
}
