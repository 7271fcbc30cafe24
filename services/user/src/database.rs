//! The database: which one, the pool, and transactions that write.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, ConnectOptions as _};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use thiserror::Error;

/// Connections of a pool unless set: enough for a few cores, few enough that several replicas stay
/// below PostgreSQL's default of 100.
pub const DEFAULT_MAX_CONNECTIONS: u32 = 10;

/// How long a call waits for a connection. Less than the deadline of a call, so that a caller
/// learns that the database is the trouble.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long SQLite waits for the writer before it, within [`ACQUIRE_TIMEOUT`]'s reason.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

/// After which PostgreSQL ends a statement, or a transaction that does nothing and may hold locks:
/// none here comes near it unless something is wrong. `options` in the URL replace it.
const STATEMENT_TIMEOUT_MS: &str = "10000";

/// Connections are made anew after this long, so that a moved address or a changed password is
/// noticed.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Idle connections are given back after this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Which database to use, and how. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Database {
    kind: Kind,
    max_connections: u32,
}

#[derive(Clone)]
enum Kind {
    Postgres(Box<PgConnectOptions>),
    SqliteFile(Box<SqliteConnectOptions>, PathBuf),
    SqliteMemory(Box<SqliteConnectOptions>),
}

/// A URL names no database that can be used. The URL is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// Neither SQLite nor PostgreSQL.
    #[error(
        "expected a URL that begins with postgres:// or sqlite:, such as \
         postgres://user@host/database or sqlite:data/user.db"
    )]
    Scheme,
    /// The scheme is right and the rest is not.
    #[error("the {0} URL cannot be read; check user, host, port, database and parameters")]
    Invalid(&'static str),
}

/// Opens a pool. Connects at once, so that a wrong address shows.
///
/// # Errors
/// The database does not answer or refuses, or the folder of a SQLite file cannot be made.
pub async fn connect(database: &Database) -> Result<DatabaseConnection, DbErr> {
    let failed = |error: sqlx::Error| DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into()));
    match &database.kind {
        Kind::Postgres(options) => {
            let pool = PgPoolOptions::new()
                .max_connections(database.max_connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(IDLE_TIMEOUT)
                .max_lifetime(MAX_LIFETIME)
                .connect_with((**options).clone())
                .await;
            pool.map(DatabaseConnection::from).map_err(failed)
        }
        Kind::SqliteFile(options, file) => {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
            }
            let pool = SqlitePoolOptions::new()
                .max_connections(database.max_connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with((**options).clone())
                .await;
            pool.map(DatabaseConnection::from).map_err(failed)
        }
        // Each connection would be its own database, and it ends with its connection.
        Kind::SqliteMemory(options) => {
            let pool = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_with((**options).clone())
                .await;
            pool.map(DatabaseConnection::from).map_err(failed)
        }
    }
}

/// Begins a transaction that will write.
///
/// On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): a transaction that reads first
/// and then wants to write fails when another has written in between, and no waiting helps it.
///
/// # Errors
/// The database did not answer, or SQLite's lock was not free in time.
pub async fn begin_write(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: (db.get_database_backend() == DbBackend::Sqlite)
            .then_some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    })
    .await
}

/// Waits until this transaction alone holds the lock `number`. On SQLite every transaction of
/// [`begin_write`] is alone anyhow.
///
/// # Errors
/// The database did not answer.
pub(crate) async fn lock(transaction: &DatabaseTransaction, number: i64) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock($1)",
            [number.into()],
        );
        transaction.execute_raw(lock).await?;
    }
    Ok(())
}

// === impl Database ===

impl Database {
    /// The same database with another bound on the pool. A SQLite database in memory has one
    /// connection always.
    #[must_use]
    pub fn with_max_connections(mut self, max_connections: u32) -> Self {
        self.max_connections = max_connections.max(1);
        self
    }

    /// Where it is, for people: without user and password.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.kind {
            Kind::Postgres(options) => {
                let host = options.get_socket().map_or_else(
                    || format!("{}:{}", options.get_host(), options.get_port()),
                    |socket| socket.display().to_string(),
                );
                let database = options.get_database().unwrap_or_default();
                format!("PostgreSQL at {host}/{database}")
            }
            Kind::SqliteFile(_, file) => format!("SQLite at {}", file.display()),
            Kind::SqliteMemory(_) => "SQLite in memory".to_owned(),
        }
    }
}

impl FromStr for Database {
    type Err = DatabaseUrlError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let kind = match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Kind::Postgres(Box::new(postgres(url)?)),
            Some(("sqlite", _)) => sqlite(url)?,
            _ => return Err(DatabaseUrlError::Scheme),
        };
        Ok(Self {
            kind,
            max_connections: DEFAULT_MAX_CONNECTIONS,
        })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("address", &format_args!("{self}"))
            .field("max_connections", &self.max_connections)
            .finish()
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())
    }
}

fn postgres(url: &str) -> Result<PgConnectOptions, DatabaseUrlError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_| DatabaseUrlError::Invalid("PostgreSQL"))?;
    // Statements are not logged: the bound values would be personal data.
    let options = options
        .disable_statement_logging()
        .application_name("trolleybus-user");
    // The operator's own options come with the URL.
    if options.get_options().is_some() {
        return Ok(options);
    }
    Ok(options.options([
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", STATEMENT_TIMEOUT_MS),
    ]))
}

fn sqlite(url: &str) -> Result<Kind, DatabaseUrlError> {
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(|_| DatabaseUrlError::Invalid("SQLite"))?;
    let memory = url.contains(":memory:") || url.contains("mode=memory");
    let options = options
        .disable_statement_logging()
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // Readers do not wait for the writer, and a commit is one write. A commit is on disk before
        // it is answered: an account that was confirmed is not lost with the power.
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    if memory {
        return Ok(Kind::SqliteMemory(Box::new(options)));
    }
    let file = options.get_filename().to_owned();
    // SQLite takes no name for a private database of each connection.
    if file.as_os_str().is_empty() {
        return Err(DatabaseUrlError::Invalid("SQLite"));
    }
    Ok(Kind::SqliteFile(Box::new(options), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_neither_is_refused() {
        for url in [
            "mysql://localhost/users",
            "",
            "users.db",
            "postgresql+tls://x/y",
        ] {
            assert_eq!(
                url.parse::<Database>().unwrap_err(),
                DatabaseUrlError::Scheme,
                "{url}"
            );
        }
        let message = DatabaseUrlError::Scheme.to_string();
        assert!(
            message.contains("postgres://") && message.contains("sqlite:"),
            "{message}"
        );
    }

    #[test]
    fn a_sqlite_url_names_a_file() {
        for url in ["sqlite:", "sqlite://"] {
            assert!(url.parse::<Database>().is_err(), "{url:?}");
        }
        assert!("sqlite://data/user.db".parse::<Database>().is_ok());
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = "postgres://ada:hunter2secret@db.example.com:5433/users";
        let database: Database = url.parse().unwrap();
        let shown = format!("{database:?} {database}");
        assert!(shown.contains("db.example.com:5433/users"), "{shown}");
        assert!(
            !shown.contains("hunter2secret") && !shown.contains("ada"),
            "{shown}"
        );
        let error = "postgres://ada:hunter2secret@host:port/x"
            .parse::<Database>()
            .unwrap_err();
        assert!(
            !format!("{error:?} {error}").contains("hunter2secret"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_sqlite_file_is_made_with_its_folder_and_settings() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/user.db");
        let database: Database = format!("sqlite:{}", file.display()).parse().unwrap();
        let db = connect(&database).await.unwrap();
        let pragma = async |name: &str| {
            let query = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
            db.query_one_raw(query).await.unwrap().unwrap()
        };
        let mode: String = pragma("journal_mode").await.try_get_by_index(0).unwrap();
        let keys: i64 = pragma("foreign_keys").await.try_get_by_index(0).unwrap();
        let busy: i64 = pragma("busy_timeout").await.try_get_by_index(0).unwrap();
        assert_eq!((mode.as_str(), keys, busy), ("wal", 1, 3000));
        assert!(file.exists());
    }

    #[tokio::test]
    async fn a_database_in_memory_lasts_as_long_as_its_pool() {
        let db = connect(&"sqlite::memory:".parse().unwrap()).await.unwrap();
        db.execute_unprepared("CREATE TABLE t (x INTEGER)")
            .await
            .unwrap();
        let transaction = begin_write(&db).await.unwrap();
        transaction
            .execute_unprepared("INSERT INTO t VALUES (1)")
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(
            db.execute_unprepared("DELETE FROM t")
                .await
                .unwrap()
                .rows_affected(),
            1
        );
    }
}
