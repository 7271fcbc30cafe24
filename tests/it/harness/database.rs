//! The platform's database, read as anybody could.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, Statement};

/// A connection.
pub(crate) struct Database(DatabaseConnection);

// === impl Database ===

impl Database {
    pub(crate) async fn connect(url: &str) -> Self {
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Self(sea_orm::Database::connect(options).await.unwrap())
    }

    /// Runs a statement.
    #[cfg(feature = "real")]
    pub(crate) async fn execute(&self, sql: &str) {
        self.0.execute_unprepared(sql).await.unwrap();
    }

    /// The first column of each row, which must be text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// The names of the tables.
    pub(crate) async fn tables(&self) -> Vec<String> {
        self.texts(match self.0.get_database_backend() {
            DatabaseBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            _ => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        })
        .await
    }

    /// How many rows each table has.
    pub(crate) async fn counts(&self) -> Vec<(String, String)> {
        let mut counts = Vec::new();
        for table in self.tables().await {
            let sql = format!("SELECT CAST(count(*) AS text) FROM \"{table}\"");
            counts.push((table, self.texts(&sql).await.remove(0)));
        }
        counts.sort();
        counts
    }
}
