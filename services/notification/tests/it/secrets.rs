//! What must not be seen in logs and errors.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use crate::app::{TestApp, email, event, settings};
use crate::sink::{Answer, Sink};

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Takes every line of this thread, at every level, until the guard is dropped.
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

#[tokio::test]
async fn password_and_recipient_are_in_no_log_and_no_debug() {
    let (log, _guard) = Log::start();
    let sink = Sink::scripted(|step| {
        let reply = "550-5.1.1 <ada@example.com> is\r\n550 5.1.1 unknown\r\n";
        (step.verb == "RCPT" && step.connection == 1).then_some(Answer::Say(reply))
    })
    .await;
    let url = sink.url().replace("smtp://", "smtp://user:hunter2@");
    let app = TestApp::new(&settings(Some(url)));
    app.send(email("ada@example.com")).await.unwrap_err();
    app.send(email("ada@example.com")).await.unwrap();

    // base64 of NUL user NUL hunter2: it was used.
    assert!(
        sink.lines()
            .contains(&"AUTH PLAIN AHVzZXIAaHVudGVyMg==".to_owned())
    );
    let seen = format!("{}{:?}", log.text(), app.service);
    for secret in ["hunter2", "AHVzZXIAaHVudGVyMg", "ada@example.com"] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    assert!(seen.contains("5.1.1 [address] is unknown"), "{seen}");
}

#[tokio::test]
async fn an_outage_is_logged_once_and_its_end_once() {
    let (log, _guard) = Log::start();
    let sink = Sink::scripted(|step| {
        (step.verb == "CONNECT" && step.connection <= 3).then_some(Answer::Close)
    })
    .await;
    let app = TestApp::new(&settings(Some(sink.url())));
    for _ in 0..3 {
        app.send(email("ada@example.com")).await.unwrap_err();
    }
    for _ in 0..3 {
        app.send(email("ada@example.com")).await.unwrap();
    }
    let text = log.text();
    assert_eq!(text.matches("mails wait").count(), 1, "{text}");
    assert_eq!(text.matches("WARN").count(), 1, "{text}");
    assert_eq!(text.matches("the mail server is back").count(), 1, "{text}");
}

#[tokio::test]
async fn a_dropped_duplicate_is_logged() {
    let (log, _guard) = Log::start();
    let app = TestApp::capturing();
    for _ in 0..2 {
        app.send_event(event("0190-a", email("ada@example.com")))
            .await
            .unwrap();
    }
    let text = log.text();
    assert_eq!(text.matches("duplicate event dropped").count(), 1, "{text}");
    assert_eq!(text.matches("SMTP_URL is not set").count(), 1, "{text}");
}

#[tokio::test]
async fn a_password_that_would_travel_unencrypted_is_warned_of_at_start() {
    let (log, _guard) = Log::start();
    TestApp::new(&settings(Some("smtp://user:hunter2@mail.example".into())));
    assert!(
        log.text().contains("the SMTP password travels unencrypted"),
        "{}",
        log.text()
    );
}
