//! What callers may send: observed in the development mailbox.

use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::app::{TestApp, email, failure, welcome};

#[tokio::test]
async fn a_mail_is_captured_as_it_was_given() {
    let app = TestApp::capturing();
    let mut mail = email("ada@example.com");
    mail.html = "<p>Good day.</p>".into();
    app.send(mail).await.unwrap();

    let mails = app.service.mailbox().unwrap().list();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "ada@example.com");
    assert_eq!(mails[0].from, "Trolleybus <no-reply@trolleybus.example>");
    assert_eq!(
        (mails[0].subject.as_str(), mails[0].text.as_str()),
        ("Hello", "Good day.")
    );
    assert_eq!(mails[0].html.as_deref(), Some("<p>Good day.</p>"));
}

#[tokio::test]
async fn header_injections_are_invalid_arguments() {
    let app = TestApp::capturing();
    let mut by_subject = email("ada@example.com");
    by_subject.subject = "Hello\r\nBcc: eve@evil.example".into();
    let result = app.send(by_subject).await;
    assert_eq!(
        failure(result),
        (Code::InvalidArgument, "SUBJECT_INVALID".into())
    );

    let by_recipient = email("ada@example.com\r\nBcc: eve@evil.example");
    let result = app.send(by_recipient).await;
    assert_eq!(
        failure(result),
        (Code::InvalidArgument, "RECIPIENT_INVALID".into())
    );

    for name in [
        "Ada\r\nBcc: eve@evil.example",
        "Ada\rX",
        "Ada\nX",
        "Ada\0",
        "Ada\u{2028}X",
    ] {
        let result = app.welcome(welcome(name)).await;
        assert_eq!(
            failure(result),
            (Code::InvalidArgument, "NAME_INVALID".into()),
            "{name:?}"
        );
    }
    assert!(app.service.mailbox().unwrap().list().is_empty());
}

#[tokio::test]
async fn a_recipient_without_a_full_domain_is_an_invalid_argument_with_its_field() {
    let app = TestApp::capturing();
    let status = app.send(email("root@localhost")).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "to");
    assert_eq!(
        failure(Err(status)),
        (Code::InvalidArgument, "RECIPIENT_INVALID".into())
    );
}

#[tokio::test]
async fn names_with_quotes_emoji_and_markup_are_welcomed() {
    let app = TestApp::capturing();
    for name in [
        "O'Brien, \"Bob\"",
        "🚎🚎",
        "<b>Ada</b>",
        "=?utf-8?b?QQ==?=",
        "李小龍",
        "a\\b, c;",
    ] {
        app.welcome(welcome(name)).await.unwrap();
        let mail = app.service.mailbox().unwrap().list().remove(0);
        assert!(
            mail.to.ends_with("ada@example.com>") || mail.to == "ada@example.com",
            "{}",
            mail.to
        );
        assert!(!mail.html.as_deref().unwrap().contains("<b>Ada"));
    }
}

#[tokio::test]
async fn whatever_bytes_come_there_is_an_answer_and_no_panic() {
    let app = TestApp::capturing();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let alphabet: Vec<char> = "ab@.<>\"\\ \r\n\t\0,;:()[]=?_é🚎\u{202e}\u{2028}{}%/'"
        .chars()
        .collect();
    let mut text = |length: u64| {
        (0..length)
            .map(|_| {
                // xorshift: the same texts on every run.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                alphabet[usize::try_from(state % alphabet.len() as u64).unwrap()]
            })
            .collect::<String>()
    };
    for length in 0..400 {
        let mut mail = email(&text(length % 40));
        mail.subject = text(length % 90);
        mail.text = text(length * 3);
        let _ = app.send(mail).await;
        let mut mail = email("ada@example.com");
        mail.subject = format!("s{}", text(length % 90)).replace(char::is_control, "");
        mail.text = format!("t{}", text(length * 3)).replace('\0', "");
        let _ = app.send(mail).await;
        let _ = app.welcome(welcome(&text(1 + length % 60))).await;
        let name = text(1 + length % 60).replace(char::is_control, "");
        let _ = app.welcome(welcome(&name)).await;
    }
    assert!(!app.service.mailbox().unwrap().list().is_empty());
}

#[tokio::test]
async fn without_an_event_every_mail_has_an_id_of_its_own() {
    let app = TestApp::capturing();
    app.send_event(Request::new(email("ada@example.com")))
        .await
        .unwrap();
    app.send_event(Request::new(email("ada@example.com")))
        .await
        .unwrap();
    let mails = app.service.mailbox().unwrap().list();
    assert_ne!(mails[0].message_id, mails[1].message_id);
}
