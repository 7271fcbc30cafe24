//! The schema: its migrations, and whether a database has it.
//!
//! Migrations run by command, never at the start of a service, and are expand-then-contract: while
//! they run, services of the release before still serve. The same statements run on SQLite and
//! PostgreSQL.

mod column;
mod m0001_users;
mod m0002_user_credentials;
mod m0003_user_roles;
mod m0004_sessions;
mod m0005_outbox;
mod m0006_call_journal;
mod m0007_idempotency_keys;

use std::collections::BTreeSet;

use sea_orm::sea_query::{Alias, DynIden, IntoIden, Query};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};
use thiserror::Error;

use crate::database;

/// Where applied migrations are noted. Named after the service, so that services which share a
/// database do not take each other's migrations for their own.
const MIGRATIONS_TABLE: &str = "user_migrations";

/// Held while migrations run, so that two commands at once apply each migration once. An arbitrary
/// number that nothing else uses.
const MIGRATION_LOCK: i64 = 0x7573_6572_0001;

/// The migrations of this service, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

/// The database cannot be used by this release.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The database lacks migrations.
    #[error("the database schema is older than this release (missing: {}); run trolleybus-user migrate", .missing.join(", "))]
    Behind {
        /// The names of the missing migrations, oldest first.
        missing: Vec<String>,
    },
    /// The database has migrations that this release does not know.
    #[error("the database schema is newer than this release (unknown: {}); deploy the release that made it", .unknown.join(", "))]
    Ahead {
        /// The names of the unknown migrations.
        unknown: Vec<String>,
    },
    /// The database did not answer.
    #[error("the database schema cannot be read: {0}")]
    Database(#[from] DbErr),
}

// === impl Migrator ===

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_users::Migration),
            Box::new(m0002_user_credentials::Migration),
            Box::new(m0003_user_roles::Migration),
            Box::new(m0004_sessions::Migration),
            Box::new(m0005_outbox::Migration),
            Box::new(m0006_call_journal::Migration),
            Box::new(m0007_idempotency_keys::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        Alias::new(MIGRATIONS_TABLE).into_iden()
    }
}

/// Brings the schema up to this release. All migrations or none take effect; where there are none
/// to run, nothing changes.
///
/// # Errors
/// The database did not answer or refused a statement, or it has migrations that this release does
/// not know.
pub async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = database::begin_write(db).await?;
    database::lock(&transaction, MIGRATION_LOCK).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        // A long migration is no runaway query.
        transaction
            .execute_unprepared("SET LOCAL statement_timeout = 0")
            .await?;
    }
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}

/// Checks that the database has exactly the schema of this release.
///
/// # Errors
/// The schema is older or newer, or the database did not answer.
pub async fn check(db: &DatabaseConnection) -> Result<(), SchemaError> {
    let applied = applied(db).await?;
    let known: Vec<String> = Migrator::migrations()
        .iter()
        .map(|m| m.name().to_owned())
        .collect();
    let missing: Vec<String> = known
        .iter()
        .filter(|name| !applied.contains(*name))
        .cloned()
        .collect();
    // Checked first: a database of a newer release may lack what that release has folded away.
    let unknown: Vec<String> = applied
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    if !unknown.is_empty() {
        return Err(SchemaError::Ahead { unknown });
    }
    if !missing.is_empty() {
        return Err(SchemaError::Behind { missing });
    }
    Ok(())
}

/// The names of the applied migrations.
async fn applied(db: &DatabaseConnection) -> Result<BTreeSet<String>, DbErr> {
    if !SchemaManager::new(db).has_table(MIGRATIONS_TABLE).await? {
        return Ok(BTreeSet::new());
    }
    let versions = Query::select()
        .column("version")
        .from(Migrator::migration_table_name())
        .to_owned();
    db.query_all(&versions)
        .await?
        .iter()
        .map(|row| row.try_get("", "version"))
        .collect()
}

/// Notes a migration that this release does not know. For tests.
#[cfg(test)]
async fn pretend_newer(db: &DatabaseConnection, name: &str) -> Result<(), DbErr> {
    let insert = Query::insert()
        .into_table(Migrator::migration_table_name())
        .columns(["version", "applied_at"])
        .values_panic([name.into(), 0_i64.into()])
        .to_owned();
    db.execute(&insert).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn database() -> DatabaseConnection {
        database::connect(&"sqlite::memory:".parse().unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_empty_database_is_refused_and_the_message_says_what_to_run() {
        let db = database().await;
        let error = check(&db).await.unwrap_err();
        assert!(matches!(&error, SchemaError::Behind { missing } if missing.len() == 7));
        assert!(
            error.to_string().contains("run trolleybus-user migrate"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn migrating_twice_changes_nothing() {
        let db = database().await;
        migrate(&db).await.unwrap();
        migrate(&db).await.unwrap();
        check(&db).await.unwrap();
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused() {
        let db = database().await;
        migrate(&db).await.unwrap();
        pretend_newer(&db, "m9999_tomorrow").await.unwrap();
        let error = check(&db).await.unwrap_err();
        assert!(matches!(&error, SchemaError::Ahead { unknown } if unknown == &["m9999_tomorrow"]));
        assert!(migrate(&db).await.is_err());
    }

    #[tokio::test]
    async fn migrations_can_be_undone() {
        let db = database().await;
        migrate(&db).await.unwrap();
        Migrator::down(&db, None).await.unwrap();
        assert!(matches!(
            check(&db).await.unwrap_err(),
            SchemaError::Behind { .. }
        ));
        migrate(&db).await.unwrap();
        check(&db).await.unwrap();
    }
}
