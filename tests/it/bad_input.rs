//! What nobody should send: each is refused with the right status, in the one error shape, and
//! leaves nothing behind.

use std::time::{Duration, SystemTime};

use token::{AccessSigner, Identity};
use uuid::Uuid;

use crate::accounts::text;
use crate::harness::{Account, Answer, Platform, Process, raw};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const PROFILE: &str = "/api/v1/auth/profile";

/// The head of a request up to its own headers.
fn head(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n").into_bytes()
}

/// A whole request.
fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(method, path);
    for header in headers {
        bytes.extend(header.as_bytes());
        bytes.extend(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// A JSON body, posted.
fn post(path: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    request(
        "POST",
        path,
        &["content-type: application/json"],
        body.as_ref(),
    )
}

/// A registration with these fields as they are written.
fn registration(email: &str, password: &str, name: &str) -> Vec<u8> {
    post(
        REGISTER,
        format!(r#"{{"email":{email},"password":{password},"name":{name}}}"#),
    )
}

/// What was sent, for messages.
type Case = (&'static str, Vec<u8>, u16, &'static str);

/// Sends each case, checks its answer, and that nothing was written.
async fn check(platform: &mut Platform, cases: Vec<Case>) -> Vec<Answer> {
    let database = platform.database().await;
    let before = database.counts().await;
    let mut answers = Vec::new();
    for (name, bytes, status, reason) in cases {
        let answer = raw::exchange(&platform.client.url, &bytes).await;
        println!("{name}: {} {}", answer.status, answer.text());
        answer.refused(status, reason);
        answers.push(answer);
    }
    assert_eq!(database.counts().await, before);
    assert!(platform.all().into_iter().all(Process::is_alive));
    let account = Account::new("after");
    platform.client.registered(&account).await;
    platform.client.login(&account).await.json(200);
    answers
}

pub(crate) async fn bodies_that_are_no_request_are_refused(mut platform: Platform) {
    let good = r#""email":"ada@example.com","password":"correct horse","name":"Ada""#;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
    let long = |length: usize| format!("\"{}\"", "x".repeat(length));
    let mut invalid_utf8 = registration("\"a@example.com\"", "\"correct horse\"", "\"Ada_\"");
    *invalid_utf8
        .iter_mut()
        .rfind(|byte| **byte == b'_')
        .unwrap() = 0xff;
    let fields = [
        ("no object", post(REGISTER, "[]")),
        ("a bare number", post(REGISTER, "1")),
        ("nothing at all", request("POST", REGISTER, &[], b"")),
        ("missing fields", post(REGISTER, "{}")),
        ("cut short", post(REGISTER, r#"{"email":"#)),
        ("no JSON", post(REGISTER, "email=ada")),
        (
            "more after the end",
            post(REGISTER, format!("{{{good}}} {{}}")),
        ),
        ("a trailing comma", post(REGISTER, format!("{{{good},}}"))),
        (
            "a duplicate key",
            post(REGISTER, format!(r#"{{{good},"name":"Eve"}}"#)),
        ),
        (
            "an unknown field",
            post(REGISTER, format!(r#"{{{good},"admin":true}}"#)),
        ),
        (
            "roles of one's own",
            post(REGISTER, format!(r#"{{{good},"roles":["admin"]}}"#)),
        ),
        (
            "a number for text",
            registration("1", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "an object for text",
            registration("{}", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "a list for text",
            registration("[\"a@example.com\"]", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "a raw NUL",
            registration("\"a@example.com\"", "\"correct horse\"", "\"A\0da\""),
        ),
        (
            "an escaped NUL in a name",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\u0000da""#),
        ),
        (
            "an escaped NUL in an address",
            registration(r#""a\u0000@example.com""#, "\"correct horse\"", "\"Ada\""),
        ),
        (
            "an escaped NUL in a password",
            registration("\"a@example.com\"", r#""correct\u0000 horse""#, "\"Ada\""),
        ),
        (
            "half a surrogate pair",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\ud800da""#),
        ),
        ("invalid UTF-8", invalid_utf8),
        (
            "a control character",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\nda""#),
        ),
        (
            "text that turns around",
            registration("\"a@example.com\"", "\"correct horse\"", r#""A\u202eda""#),
        ),
        (
            "another header in an address",
            registration(
                r#""a@example.com\r\nBcc: b@example.com""#,
                "\"correct horse\"",
                "\"Ada\"",
            ),
        ),
        (
            "no address",
            registration("\"ada\"", "\"correct horse\"", "\"Ada\""),
        ),
        (
            "a short password",
            registration("\"a@example.com\"", "\"1234567\"", "\"Ada\""),
        ),
        (
            "a long password",
            registration("\"a@example.com\"", &long(257), "\"Ada\""),
        ),
        (
            "a long name",
            registration("\"a@example.com\"", "\"correct horse\"", &long(101)),
        ),
        (
            "an empty name",
            registration("\"a@example.com\"", "\"correct horse\"", "\"\""),
        ),
        ("deep lists", post(REGISTER, deep)),
        ("deep objects", post(REGISTER, deep_objects)),
        (
            "a query beside a body",
            post(&format!("{REGISTER}?name=Eve"), format!("{{{good}}}")),
        ),
        ("an empty login", post(LOGIN, "{}")),
        (
            "a NUL at login",
            post(
                LOGIN,
                r#"{"email":"a\u0000@example.com","password":"correct horse"}"#,
            ),
        ),
        (
            "a number at refresh",
            post(REFRESH, r#"{"refreshToken":7}"#),
        ),
    ];
    let cases = fields.map(|(name, bytes)| (name, bytes, 400, "INVALID_REQUEST"));
    check(&mut platform, cases.into()).await;
}

pub(crate) async fn bodies_of_the_wrong_size_or_form_are_refused(mut platform: Platform) {
    let large = vec![b' '; 2 * 1024 * 1024];
    let mut chunked = head("POST", REGISTER);
    chunked.extend(b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for chunk in large.chunks(64 * 1024) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let mut announced = head("POST", REGISTER);
    announced.extend(b"content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{}");
    let form = |form| request("POST", REGISTER, &[form], b"{}");
    let cases = vec![
        (
            "a large body",
            post(REGISTER, &large),
            413,
            "BODY_TOO_LARGE",
        ),
        ("a large body in chunks", chunked, 413, "BODY_TOO_LARGE"),
        (
            "a body that is said to be large",
            announced,
            413,
            "BODY_TOO_LARGE",
        ),
        (
            "plain text",
            form("content-type: text/plain"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "XML",
            form("content-type: application/xml"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "no form at all",
            form("content-type: nonsense"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ];
    check(&mut platform, cases).await;
}

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

pub(crate) async fn tokens_that_are_not_good_are_refused(mut platform: Platform) {
    let registered = platform.client.registered(&Account::new("ada")).await;
    let access = text(&registered, "accessToken");
    let refresh = text(&registered, "refreshToken");
    let identity = Identity {
        user_id: Uuid::parse_str(text(&registered["user"], "id")).unwrap(),
        session_id: Uuid::now_v7(),
        roles: Vec::new(),
        auth_epoch: 1,
    };
    let (now, minute) = (SystemTime::now(), Duration::from_secs(60));
    let signer = &platform.signer;
    let expired = signer.issue(&identity, now - 10 * minute, minute).unwrap();
    let early = signer.issue(&identity, now + 10 * minute, minute).unwrap();
    let service = signer.issue_service("e2e", now, minute).unwrap();
    let stranger = AccessSigner::from_paserk(&token::generate().unwrap().access_secret).unwrap();
    let strange = stranger.issue(&identity, now, minute).unwrap();
    let middle = access.len() / 2;
    let flipped = if access.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let tampered = format!("{}{flipped}{}", &access[..middle], &access[middle + 1..]);

    let profile = |authorization: &str| {
        request(
            "GET",
            PROFILE,
            &[&format!("authorization: {authorization}")],
            b"",
        )
    };
    let bearer = |token: &str| profile(&format!("Bearer {token}"));
    let with_body = |token: &str| post(REFRESH, format!(r#"{{"refreshToken":"{token}"}}"#));
    let cases = vec![
        (
            "no token",
            request("GET", PROFILE, &[], b""),
            401,
            "TOKEN_MISSING",
        ),
        (
            "another scheme",
            profile("Basic YTpi"),
            401,
            "TOKEN_MISSING",
        ),
        ("an empty token", profile("Bearer "), 401, "TOKEN_MISSING"),
        ("nonsense", bearer("nonsense"), 401, "TOKEN_INVALID"),
        (
            "a long one",
            bearer(&"x".repeat(8000)),
            401,
            "TOKEN_INVALID",
        ),
        ("a header only", bearer("v4.public."), 401, "TOKEN_INVALID"),
        ("an expired token", bearer(&expired), 401, "TOKEN_EXPIRED"),
        (
            "a token of the future",
            bearer(&early),
            401,
            "TOKEN_INVALID",
        ),
        (
            "a token of another key",
            bearer(&strange),
            401,
            "TOKEN_INVALID",
        ),
        ("a changed token", bearer(&tampered), 401, "TOKEN_INVALID"),
        ("a service's token", bearer(&service), 401, "TOKEN_INVALID"),
        ("a refresh token", bearer(refresh), 401, "TOKEN_INVALID"),
        (
            "a token in the query",
            request("GET", &format!("{PROFILE}?access_token={access}"), &[], b""),
            400,
            "INVALID_REQUEST",
        ),
        (
            "no refresh token",
            post(REFRESH, "{}"),
            401,
            "TOKEN_MISSING",
        ),
        (
            "an access token at refresh",
            with_body(access),
            401,
            "TOKEN_INVALID",
        ),
        (
            "nonsense at refresh",
            with_body("nonsense"),
            401,
            "TOKEN_INVALID",
        ),
        (
            "a changed refresh token",
            with_body(&refresh.replacen("v4.local.", "v4.local.A", 1)),
            401,
            "TOKEN_INVALID",
        ),
        (
            "an access token as bearer at refresh",
            request(
                "POST",
                REFRESH,
                &[&format!("authorization: Bearer {access}")],
                b"",
            ),
            401,
            "TOKEN_INVALID",
        ),
    ];
    check(&mut platform, cases).await;
    // None of it has hurt the session.
    platform.client.profile(access).await.json(200);
    platform.client.refresh(refresh).await.json(200);
}

pub(crate) async fn what_is_taken_or_unknown_is_refused(mut platform: Platform) {
    let account = Account::new("ada");
    platform.client.registered(&account).await;
    let quoted = |text: &str| format!("\"{text}\"");
    let again = |email: &str| registration(&quoted(email), "\"another passphrase\"", "\"Eve\"");
    let login = |email: &str, password: &str| {
        post(
            LOGIN,
            format!(r#"{{"email":"{email}","password":"{password}"}}"#),
        )
    };
    let stranger = Account::new("eve");
    let cases = vec![
        (
            "the same address",
            again(&account.email),
            409,
            "EMAIL_TAKEN",
        ),
        (
            "in capitals",
            again(&account.email.to_uppercase()),
            409,
            "EMAIL_TAKEN",
        ),
        (
            "a wrong password",
            login(&account.email, "not the one"),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "an unknown user",
            login(&stranger.email, "not the one"),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "no address",
            login("nobody", "not the one"),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "another case",
            login(&account.email, &account.password.to_uppercase()),
            401,
            "INVALID_CREDENTIALS",
        ),
        (
            "a space more",
            login(&account.email, &format!("{} ", account.password)),
            401,
            "INVALID_CREDENTIALS",
        ),
    ];
    let answers = check(&mut platform, cases).await;
    let comparable = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for own in ["x-request-id", "date"] {
            headers.remove(own);
        }
        (answer.body.clone(), headers)
    };
    // Nobody learns whether an address has an account.
    assert!(
        answers[2..]
            .iter()
            .all(|answer| comparable(answer) == comparable(&answers[2]))
    );
    // The address is one whatever its case; the password is not.
    let capitals = Account {
        email: account.email.to_uppercase(),
        ..account
    };
    platform.client.login(&capitals).await.json(200);
}
