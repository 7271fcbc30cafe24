//! A fresh database for each test, and the service on it.

mod app;

use sea_orm::DatabaseConnection;
use tempfile::TempDir;
use user::database::{self, Database};

pub(crate) use app::{PASSWORD, TestApp, reason};

/// A database that no other test uses, with the schema of this release.
pub(crate) struct TestDatabase {
    pub(crate) db: DatabaseConnection,
    /// How to open another pool on it.
    pub(crate) database: Database,
    /// Where a SQLite file lies.
    pub(crate) folder: Option<TempDir>,
}

/// Which database a test runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Sqlite,
    #[cfg(feature = "real")]
    Postgres,
}

/// Runs a test on each database. The test is an async function of a [`Backend`].
#[macro_export]
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Backend::Sqlite).await;
            })+
        }

        #[cfg(feature = "real")]
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Backend::Postgres).await;
            })+
        }
    };
}

impl TestDatabase {
    pub(crate) async fn new(backend: Backend) -> Self {
        let this = Self::empty(backend).await;
        user::schema::migrate(&this.db).await.unwrap();
        this
    }

    pub(crate) async fn empty(backend: Backend) -> Self {
        let (url, folder) = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (
                    format!("sqlite:{}", folder.path().join("user.db").display()),
                    Some(folder),
                )
            }
            #[cfg(feature = "real")]
            Backend::Postgres => (postgres().await, None),
        };
        let database: Database = url.parse().unwrap();
        let db = database::connect(&database).await.unwrap();
        Self {
            db,
            database,
            folder,
        }
    }
}

/// Makes a database on the server that `TEST_DATABASE_URL` names.
#[cfg(feature = "real")]
async fn postgres() -> String {
    use sea_orm::ConnectionTrait as _;

    let server = std::env::var("TEST_DATABASE_URL")
        .expect("the feature `real` needs TEST_DATABASE_URL: a PostgreSQL server, as a superuser");
    let mut url = url::Url::parse(&server).expect("TEST_DATABASE_URL is a URL");
    let name = format!("user_{}", uuid::Uuid::new_v4().simple());
    let admin: Database = server
        .parse()
        .expect("TEST_DATABASE_URL names a PostgreSQL server");
    let admin = database::connect(&admin.with_max_connections(1))
        .await
        .unwrap();
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    admin.close().await.unwrap();
    url.set_path(&name);
    url.into()
}
