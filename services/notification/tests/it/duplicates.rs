//! Events are delivered at least once; mails are sent once where this process can know.

use crate::app::{TestApp, email, event, failure, settings};
use crate::sink::{Answer, Sink};

#[tokio::test]
async fn an_event_that_is_delivered_twice_sends_one_mail() {
    let app = TestApp::capturing();
    for _ in 0..2 {
        app.send_event(event("0190-a", email("ada@example.com")))
            .await
            .unwrap();
    }
    app.send_event(event("0190-b", email("ada@example.com")))
        .await
        .unwrap();
    let mails = app.service.mailbox().unwrap().list();
    let ids: Vec<_> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
    assert_eq!(
        ids,
        ["<0190-b@trolleybus.example>", "<0190-a@trolleybus.example>"]
    );
}

#[tokio::test]
async fn an_event_whose_mail_failed_is_sent_at_the_next_delivery_with_the_same_id() {
    let sink = Sink::scripted(|step| {
        (step.verb == "BODY" && step.connection == 1).then_some(Answer::Say("451 later\r\n"))
    })
    .await;
    let app = TestApp::new(&settings(Some(sink.url())));
    let first = app
        .send_event(event("0190-a", email("ada@example.com")))
        .await;
    assert_eq!(failure(first).1, "MAIL_UNAVAILABLE");
    for _ in 0..2 {
        app.send_event(event("0190-a", email("ada@example.com")))
            .await
            .unwrap();
    }
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0]
            .data
            .contains("Message-ID: <0190-a@trolleybus.example>\r\n")
    );
}

#[tokio::test]
async fn duplicates_at_the_same_time_send_one_mail() {
    let sink = Sink::start().await;
    let app = TestApp::new(&settings(Some(sink.url())));
    let send = || app.send_event(event("0190-a", email("ada@example.com")));
    let (first, second, third) = tokio::join!(send(), send(), send());
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(sink.mails().len(), 1);
}
