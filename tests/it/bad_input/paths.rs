//! Paths, methods, headers and what is no HTTP at all.

use super::{PROFILE, REGISTER, check, head, request};
use crate::accounts::text;
use crate::harness::{Account, Answer, Platform, raw};

pub(crate) async fn paths_and_methods_that_do_not_exist_are_refused(mut platform: Platform) {
    let get = |path: &str| request("GET", path, &[], b"");
    let not_found = |name, path: &str| (name, get(path), 404, "ROUTE_NOT_FOUND");
    let method = |name, method, path| {
        (
            name,
            request(method, path, &[], b""),
            405,
            "METHOD_NOT_ALLOWED",
        )
    };
    let cases = vec![
        not_found("the root", "/"),
        not_found("an unknown path", "/nope"),
        not_found("a longer path", "/api/v1/auth/profile/x"),
        not_found("a slash at the end", "/api/v1/auth/profile/"),
        not_found("two slashes", "//api/v1/auth/profile"),
        not_found("dots", "/api/v1/auth/../auth/profile"),
        not_found("encoded slashes", "/api%2Fv1/auth/profile"),
        not_found("another case", "/API/v1/auth/profile"),
        not_found("a gRPC path over REST", "/user.v1.UserService/Find"),
        method("GET to register", "GET", REGISTER),
        method("DELETE to register", "DELETE", REGISTER),
        method("POST to the profile", "POST", PROFILE),
        method("a method of nobody's", "BREW", PROFILE),
    ];
    let answers = check(&mut platform, cases).await;
    let allow = |answer: &Answer| answer.header("allow").unwrap_or_default().to_owned();
    let allowed: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 405)
        .map(allow)
        .collect();
    assert!(
        allowed[..2].iter().all(|allow| allow.contains("POST")),
        "{allowed:?}"
    );
    assert!(
        allowed[2..].iter().all(|allow| allow.contains("GET")),
        "{allowed:?}"
    );

    let token = platform.client.registered(&Account::new("ada")).await;
    let bearer = format!("authorization: Bearer {}", text(&token, "accessToken"));
    let with = |path: &str, header: &str| request("GET", path, &[&bearer, header], b"");
    let cases = vec![
        (
            "a bad escape",
            get("/api/v1/auth/%zz"),
            400,
            "INVALID_REQUEST",
        ),
        (
            "an escape that is no UTF-8",
            get("/api/v1/auth/%ff"),
            400,
            "INVALID_REQUEST",
        ),
        ("a NUL", get("/api/v1/auth/%00"), 400, "INVALID_REQUEST"),
        (
            "an unknown query",
            with("/api/v1/auth/profile?x=1", "a: b"),
            400,
            "INVALID_REQUEST",
        ),
        (
            "a bad escape in a query",
            with("/api/v1/auth/profile?x=%zz", "a: b"),
            400,
            "INVALID_REQUEST",
        ),
        (
            "no timeout",
            with(PROFILE, "grpc-timeout: soon"),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "a timeout without a unit",
            with(PROFILE, "grpc-timeout: 100"),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "a timeout of nine digits",
            with(PROFILE, "grpc-timeout: 123456789m"),
            400,
            "INVALID_ARGUMENT",
        ),
    ];
    check(&mut platform, cases).await;

    // Where the request claims to go is none of its business.
    for host in ["evil.example", "", "localhost:99999", "[::1]:80", "a b"] {
        let bytes = format!(
            "GET {PROFILE} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{bearer}\r\n\r\n"
        );
        let answer = raw::exchange(&platform.client.url, bytes.as_bytes()).await;
        assert_eq!(answer.status, 200, "{host:?}: {}", answer.text());
    }
    let absolute = with("http://evil.example/api/v1/auth/profile", "a: b");
    assert_eq!(
        raw::exchange(&platform.client.url, &absolute).await.status,
        200
    );
}

pub(crate) async fn headers_without_end_are_refused(mut platform: Platform) {
    let url = platform.client.url.clone();
    let many: String = (0..5000).map(|n| format!("x-{n}: y\r\n")).collect();
    for headers in [format!("x-large: {}\r\n", "x".repeat(100_000)), many] {
        let bytes = [
            head("GET", "/livez"),
            headers.into_bytes(),
            b"\r\n".to_vec(),
        ]
        .concat();
        let answer = raw::exchange(&url, &bytes).await;
        assert_eq!(answer.status, 431, "{}", answer.text());
    }
    for bytes in [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "\0\0\0\r\n\r\n",
    ] {
        assert_eq!(
            raw::exchange(&url, bytes.as_bytes()).await.status,
            400,
            "{bytes:?}"
        );
    }
    // Two lengths are how requests are smuggled.
    let two = "POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
               content-length: 2\r\ncontent-length: 30\r\n\r\n{}";
    assert_eq!(raw::exchange(&url, two.as_bytes()).await.status, 400);
    check(&mut platform, vec![]).await;
}
