//! The development mailbox as a browser sees it.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use notification::mailbox::page;
use tower::ServiceExt as _;

use crate::app::{TestApp, email, welcome};

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

async fn get(app: &TestApp, path: &str) -> Answer {
    let router = page::router(app.service.mailbox().unwrap().clone()).unwrap();
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(bytes.to_vec()).unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

#[tokio::test]
async fn an_empty_mailbox_says_so_and_loads_itself_again() {
    let page = get(&TestApp::capturing(), "/dev/mailbox").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("No mail yet"), "{}", page.body);
    assert!(
        page.body.contains("http-equiv=\"refresh\""),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn mails_are_shown_newest_first() {
    let app = TestApp::capturing();
    app.welcome(welcome("Ada")).await.unwrap();
    app.welcome(welcome("Grace")).await.unwrap();
    let page = get(&app, "/dev/mailbox").await.body;
    let (grace, ada) = (page.find("Trolleybus, Grace"), page.find("Trolleybus, Ada"));
    assert!(grace.unwrap() < ada.unwrap(), "{page}");
    assert!(page.contains("srcdoc=\"&lt;!doctype html&gt;"), "{page}");
}

#[tokio::test]
async fn beyond_the_previews_older_mails_are_one_line_each() {
    let app = TestApp::capturing();
    for _ in 0..25 {
        app.welcome(welcome("Ada")).await.unwrap();
    }
    let page = get(&app, "/dev/mailbox").await.body;
    assert_eq!(
        (
            page.matches("<article>").count(),
            page.matches("<li>").count()
        ),
        (20, 5)
    );
}

#[tokio::test]
async fn nothing_of_a_hostile_mail_leaves_its_frame() {
    let app = TestApp::capturing();
    let mut mail = email("ada@example.com");
    mail.subject = "</title><script>alert(1)</script>".into();
    mail.text = "</pre><script>alert(2)</script>".into();
    mail.html = "\"></iframe><script>alert(3)</script>".into();
    app.send(mail).await.unwrap();
    for path in ["/dev/mailbox", "/dev/mailbox/1"] {
        let page = get(&app, path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains("<script"), "{}", page.body);
        assert_eq!(page.body.matches("</iframe>").count(), 1, "{}", page.body);
        assert!(page.body.contains(" sandbox"), "{}", page.body);
    }
}

#[tokio::test]
async fn every_answer_has_strict_headers() {
    let app = TestApp::capturing();
    for path in ["/dev/mailbox", "/dev/mailbox.json", "/dev/mailbox/1"] {
        let headers = get(&app, path).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("script"),
            "{policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn the_json_is_an_array_newest_first() {
    let app = TestApp::capturing();
    app.send(email("ada@example.com")).await.unwrap();
    app.send(email("bob@example.com")).await.unwrap();
    let answer = get(&app, "/dev/mailbox.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let mails: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(mails[0]["to"], "bob@example.com");
    assert_eq!(mails[1]["id"], 1);
    assert_eq!(mails[1]["html"], serde_json::Value::Null);
    let time = mails[0]["time"].as_str().unwrap();
    assert!(
        time.ends_with('Z') && time.len() == "2026-11-23T01:02:03.004Z".len(),
        "{time}"
    );
}

#[tokio::test]
async fn an_unknown_mail_is_not_found_in_the_common_shape() {
    let app = TestApp::capturing();
    for id in ["1", "x", "-1", "99999999999999999999999", "%00", "%ff"] {
        let answer = get(&app, &format!("/dev/mailbox/{id}")).await;
        if id == "%ff" {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            continue;
        }
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        let error: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(error["code"], 5);
        assert_eq!(error["details"][0]["reason"], "MAIL_NOT_FOUND");
    }
}
