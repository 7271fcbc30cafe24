//! A password goes nowhere but through the hasher.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use proto::user::v1::{RegisterRequest, ValidateRequest};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, Statement};
use tonic::Request;
use tracing_subscriber::fmt::MakeWriter;
use user::entity::{outbox, user_credential};

use crate::harness::{Backend, TestApp};

crate::on_each_database! {
    a_password_is_in_no_log_line_table_or_event,
}

/// Occurs nowhere else in this program.
const CANARY: &str = "Canary-7f3a-Password";

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that this process logs, down to the last level and of every crate.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    log
});

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

async fn a_password_is_in_no_log_line_table_or_event(backend: Backend) {
    let log = &*LOG;
    let app = TestApp::new(backend).await;
    let register = |email: &str, name: &str| {
        let (email, password, name) = (email.into(), CANARY.into(), name.into());
        Request::new(RegisterRequest {
            email,
            password,
            name,
        })
    };
    app.users
        .register(register("ada@example.com", "Ada"))
        .await
        .unwrap();
    let mut failures = Vec::new();
    for (email, name) in [
        ("ada@example.com", "Ada"),
        ("ada", ""),
        ("ada@example.com", CANARY),
    ] {
        failures.push(app.users.register(register(email, name)).await.unwrap_err());
    }
    for (email, password) in [
        ("ada@example.com", CANARY.to_owned()),
        ("ada@example.com", format!("{CANARY}!")),
        ("bob@example.com", CANARY.to_owned()),
    ] {
        let request = ValidateRequest {
            email: email.into(),
            password,
        };
        if let Err(error) = app.users.validate(Request::new(request)).await {
            failures.push(error);
        }
    }

    let credential = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    assert!(!holds(credential.password_hash.0.as_bytes(), CANARY));
    for event in outbox::Entity::find().all(app.db()).await.unwrap() {
        assert!(!holds(&event.payload, CANARY) && !holds(event.headers.as_bytes(), CANARY));
    }
    tables(&app, backend).await;

    app.db()
        .execute_unprepared("DROP TABLE outbox")
        .await
        .unwrap();
    failures.push(
        app.users
            .register(register("eve@example.com", "Eve"))
            .await
            .unwrap_err(),
    );
    app.db().clone().close().await.unwrap();
    failures.push(
        app.users
            .register(register("kim@example.com", "Kim"))
            .await
            .unwrap_err(),
    );
    for error in failures {
        let shown = format!("{error:?} {error}");
        assert!(!holds(shown.as_bytes(), CANARY), "{shown}");
        let status = tonic::Status::from(error);
        assert!(
            !holds(format!("{status:?}").as_bytes(), CANARY),
            "{status:?}"
        );
        assert!(!holds(status.details(), CANARY), "{status:?}");
    }

    let lines = log.0.lock().unwrap();
    assert!(
        holds(&lines, "TRACE") && holds(&lines, "a call failed"),
        "the log was captured"
    );
    assert!(!holds(&lines, CANARY), "a log line holds the password");
}

/// Every stored byte: the file and its log on SQLite, each row as text on PostgreSQL.
async fn tables(app: &TestApp, backend: Backend) {
    if let Some(folder) = &app.database.folder {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            assert!(
                !holds(&std::fs::read(&path).unwrap(), CANARY),
                "{}",
                path.display()
            );
        }
        return;
    }
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for table in [
        "users",
        "user_credentials",
        "user_roles",
        "sessions",
        "outbox",
        "call_journal",
    ] {
        let rows = Statement::from_string(
            app.db().get_database_backend(),
            format!("SELECT t::text AS row FROM {table} t"),
        );
        for row in app.db().query_all_raw(rows).await.unwrap() {
            let row: String = row.try_get("", "row").unwrap();
            assert!(
                !holds(row.as_bytes(), CANARY) && !holds(row.as_bytes(), &hex),
                "{backend:?}"
            );
        }
    }
}
