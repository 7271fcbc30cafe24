//! The column types of this schema, each with the one form that both backends treat alike.

use sea_orm::sea_query::ColumnDef;

/// A UUID: `uuid` on PostgreSQL, 16 bytes on SQLite.
pub(super) fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().take()
}

/// Text of any length. Lengths are checked where text comes in, in characters.
pub(super) fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// Bytes of any length.
pub(super) fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

/// A 64-bit integer.
pub(super) fn integer(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// A [`Timestamp`](crate::timestamp::Timestamp).
pub(super) fn timestamp(name: &'static str) -> ColumnDef {
    integer(name)
}

/// The same column, which may be empty.
pub(super) fn optional(mut column: ColumnDef) -> ColumnDef {
    column.null().take()
}
