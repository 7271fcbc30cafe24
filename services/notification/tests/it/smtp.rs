//! Delivery over SMTP: what arrives, and what each failure is to the caller.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::Code;

use crate::app::{TestApp, email, failure, settings, welcome};
use crate::sink::{Answer, Sink, Step};

/// How long a mail may take that ends by a timeout of 300 ms, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers `reply` at `verb`.
async fn refusing(verb: &'static str, reply: &'static str) -> Sink {
    Sink::scripted(move |step: &Step| (step.verb == verb).then_some(Answer::Say(reply))).await
}

fn unavailable() -> (Code, String) {
    (Code::Unavailable, "MAIL_UNAVAILABLE".into())
}

fn rejected() -> (Code, String) {
    (Code::FailedPrecondition, "MAIL_REJECTED".into())
}

#[tokio::test]
async fn a_mail_arrives_with_its_addresses_headers_and_both_bodies() {
    let sink = Sink::start().await;
    let app = TestApp::new(&settings(Some(sink.url())));
    app.welcome(welcome("Zoë \"Z\" 🚎")).await.unwrap();

    let mail = sink.mails().pop().unwrap();
    assert_eq!(mail.from, "MAIL FROM:<no-reply@trolleybus.example>");
    assert_eq!(mail.to, ["RCPT TO:<ada@example.com>"]);
    let headers = mail.data.split("\r\n\r\n").next().unwrap();
    assert!(
        headers.contains("From: Trolleybus <no-reply@trolleybus.example>\r\n"),
        "{headers}"
    );
    assert!(headers.contains("<ada@example.com>\r\n"), "{headers}");
    assert!(
        headers.contains("Content-Type: multipart/alternative;"),
        "{headers}"
    );
    assert!(headers.contains("@trolleybus.example>\r\n"), "{headers}");
    assert!(mail.data.is_ascii());
    assert!(
        mail.data.contains("text/plain") && mail.data.contains("text/html"),
        "{}",
        mail.data
    );
    assert_eq!(sink.lines()[0], "EHLO client.example");
}

#[tokio::test]
async fn mails_one_after_another_share_a_connection() {
    let sink = Sink::start().await;
    let app = TestApp::new(&settings(Some(sink.url())));
    app.send(email("ada@example.com")).await.unwrap();
    app.send(email("bob@example.com")).await.unwrap();
    assert_eq!((sink.mails().len(), sink.connections()), (2, 1));
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let sink = Sink::scripted(|step| {
        (step.verb == "BODY" && step.connection == 1).then_some(Answer::LastWord)
    })
    .await;
    let app = TestApp::new(&settings(Some(sink.url())));
    app.send(email("ada@example.com")).await.unwrap();
    app.send(email("bob@example.com")).await.unwrap();
    assert_eq!((sink.mails().len(), sink.connections()), (2, 2));
}

#[tokio::test]
async fn closing_takes_leave_of_the_server() {
    let sink = Sink::start().await;
    let app = TestApp::new(&settings(Some(sink.url())));
    app.send(email("ada@example.com")).await.unwrap();
    app.service.close().await;
    assert_eq!(sink.lines().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let app = TestApp::new(&settings(Some(url)));
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        unavailable()
    );
}

#[tokio::test]
async fn replies_of_400_to_499_are_unavailable_wherever_they_come() {
    for (verb, reply) in [
        ("CONNECT", "421 4.3.2 closing\r\n"),
        ("EHLO", "421 4.3.2 closing\r\n"),
        ("MAIL", "452 4.3.1 no room\r\n"),
        ("RCPT", "450 4.2.0 greylisted\r\n"),
        ("DATA", "451 4.3.0 later\r\n"),
        ("BODY", "451 4.7.1 later\r\n"),
    ] {
        let sink = refusing(verb, reply).await;
        let app = TestApp::new(&settings(Some(sink.url())));
        let result = app.send(email("ada@example.com")).await;
        assert_eq!(failure(result), unavailable(), "{verb}");
    }
}

#[tokio::test]
async fn replies_of_500_to_599_are_rejections_wherever_they_come() {
    for (verb, reply) in [
        ("CONNECT", "554 5.7.1 go away\r\n"),
        ("MAIL", "550 5.7.1 sender refused\r\n"),
        (
            "RCPT",
            "550-5.1.1 <ada@example.com>\r\n550 5.1.1 unknown\r\n",
        ),
        ("DATA", "554 5.0.0 no\r\n"),
        ("BODY", "552 5.3.4 too big\r\n"),
    ] {
        let sink = refusing(verb, reply).await;
        let app = TestApp::new(&settings(Some(sink.url())));
        let status = app.send(email("ada@example.com")).await.unwrap_err();
        assert!(!status.message().contains("ada@"), "{}", status.message());
        assert_eq!(failure(Err(status)), rejected(), "{verb}");
    }
}

#[tokio::test]
async fn a_refused_mail_does_not_stop_the_next() {
    let sink = Sink::scripted(|step| {
        (step.verb == "RCPT" && step.connection == 1).then_some(Answer::Say("550 no\r\n"))
    })
    .await;
    let app = TestApp::new(&settings(Some(sink.url())));
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        rejected()
    );
    app.send(email("bob@example.com")).await.unwrap();
    assert_eq!(sink.mails()[0].to, ["RCPT TO:<bob@example.com>"]);
}

#[tokio::test]
async fn refused_credentials_are_unavailable_since_the_mail_is_not_at_fault() {
    let sink = refusing("AUTH", "535 5.7.8 wrong\r\n").await;
    let url = sink.url().replace("smtp://", "smtp://user:hunter2@");
    let app = TestApp::new(&settings(Some(url)));
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        unavailable()
    );
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_within_the_timeout_wherever_it_hangs() {
    for verb in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY"] {
        let sink = Sink::scripted(move |step| (step.verb == verb).then_some(Answer::Hang)).await;
        let mut settings = settings(Some(sink.url()));
        settings.smtp_timeout = "300ms".into();
        let app = TestApp::new(&settings);
        let sent = tokio::time::timeout(PATIENCE, app.send(email("a@example.com")));
        assert_eq!(
            failure(sent.await.expect("ended by its own timeout")),
            unavailable(),
            "{verb}"
        );
    }
}

#[tokio::test]
async fn a_mail_that_timed_out_leaves_no_connection_to_the_next() {
    let sink = Sink::scripted(|step| {
        (step.verb == "BODY" && step.connection == 1).then_some(Answer::Hang)
    })
    .await;
    let mut settings = settings(Some(sink.url()));
    settings.smtp_timeout = "300ms".into();
    let app = TestApp::new(&settings);
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        unavailable()
    );
    app.send(email("bob@example.com")).await.unwrap();
    assert_eq!(sink.connections(), 2);
    assert_eq!(sink.mails()[0].to, ["RCPT TO:<bob@example.com>"]);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_connection_to_the_next() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let mut sink = Sink::scripted(move |step| {
        (step.verb == "BODY" && step.connection == 1).then(|| Answer::When(Arc::clone(&held)))
    })
    .await;
    let app = TestApp::new(&settings(Some(sink.url())));
    tokio::select! {
        _ = app.send(email("ada@example.com")) => panic!("the sink does not answer"),
        () = sink.body() => {}
    }
    // The late reply to the first mail must not be read as one to the second.
    gate.add_permits(1);
    app.send(email("bob@example.com")).await.unwrap();
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_unavailable_wherever_it_breaks() {
    for verb in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY"] {
        let sink = Sink::scripted(move |step| (step.verb == verb).then_some(Answer::Close)).await;
        let app = TestApp::new(&settings(Some(sink.url())));
        let result = app.send(email("ada@example.com")).await;
        assert_eq!(failure(result), unavailable(), "{verb}");
    }
}

#[tokio::test]
async fn replies_that_are_not_smtp_are_unavailable() {
    let sink = refusing("CONNECT", "HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let app = TestApp::new(&settings(Some(sink.url())));
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        unavailable()
    );
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_where_encryption_is_required() {
    let sink = Sink::start().await;
    let url = format!("smtp://user:hunter2@{}?tls=required", sink.address);
    let app = TestApp::new(&settings(Some(url)));
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        unavailable()
    );
    assert!(
        sink.lines().iter().all(|line| line.starts_with("EHLO")),
        "{:?}",
        sink.lines()
    );
}

#[tokio::test]
async fn a_plain_server_behind_smtps_gets_no_mail_and_no_password() {
    let sink = Sink::start().await;
    let url = format!("smtps://user:hunter2@{}", sink.address);
    let app = TestApp::new(&settings(Some(url)));
    assert_eq!(
        failure(app.send(email("ada@example.com")).await),
        unavailable()
    );
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn an_address_beyond_ascii_is_rejected_where_the_server_lacks_smtputf8() {
    let sink = Sink::start().await;
    let app = TestApp::new(&settings(Some(sink.url())));
    assert_eq!(
        failure(app.send(email("zoë@example.com")).await),
        rejected()
    );
    // The domain alone is no obstacle: it has an ASCII form.
    app.send(email("zoe@bücher.example")).await.unwrap();
    assert_eq!(sink.mails()[0].to, ["RCPT TO:<zoe@xn--bcher-kva.example>"]);
}

#[tokio::test]
async fn no_more_mails_are_under_way_than_allowed() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let mut sink =
        Sink::scripted(move |step| (step.verb == "BODY").then(|| Answer::When(Arc::clone(&held))))
            .await;
    let mut settings = settings(Some(sink.url()));
    settings.smtp_concurrency = "3".into();
    let app = Arc::new(TestApp::new(&settings));
    let mails: Vec<_> = (0..12)
        .map(|number| {
            let app = Arc::clone(&app);
            tokio::spawn(async move { app.send(email(&format!("u{number}@example.com"))).await })
        })
        .collect();
    for _ in 0..3 {
        sink.body().await;
    }
    // Each answer lets exactly one more mail come.
    for _ in 3..12 {
        gate.add_permits(1);
        sink.body().await;
    }
    gate.add_permits(3);
    for mail in mails {
        mail.await.unwrap().unwrap();
    }
    assert_eq!(
        (sink.peak(), sink.connections(), sink.mails().len()),
        (3, 3, 12)
    );
}

#[tokio::test]
async fn a_mail_that_finds_no_free_connection_in_time_is_unavailable() {
    let sink = Sink::scripted(|step| (step.verb == "BODY").then_some(Answer::Hang)).await;
    let mut settings = settings(Some(sink.url()));
    settings.smtp_concurrency = "1".into();
    settings.smtp_timeout = "300ms".into();
    let app = TestApp::new(&settings);
    let (first, second, third) = tokio::join!(
        app.send(email("a@example.com")),
        app.send(email("b@example.com")),
        app.send(email("c@example.com")),
    );
    for result in [first, second, third] {
        assert_eq!(failure(result), unavailable());
    }
}

#[tokio::test]
async fn a_dot_in_a_body_ends_no_mail() {
    let sink = Sink::start().await;
    let app = TestApp::new(&settings(Some(sink.url())));
    let smuggled = "a\r.\r\nMAIL FROM:<eve@evil.example>\n.\nRCPT TO:<x@y.example>\r\n.\r\nend";
    let mut mail = email("ada@example.com");
    mail.text = smuggled.into();
    app.send(mail).await.unwrap();
    let mails = sink.mails();
    assert_eq!((mails.len(), mails[0].to.len()), (1, 1));
    assert!(
        mails[0]
            .data
            .contains("\r\n.\r\nRCPT TO:<x@y.example>\r\n.\r\nend"),
        "{mails:?}"
    );
}
