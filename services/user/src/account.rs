//! A user as the contract tells it.

use proto::user::v1::User;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _,
};
use uuid::Uuid;

use crate::entity::{user, user_role};

/// A user with its roles.
pub(crate) fn message(user: user::Model, roles: Vec<String>) -> User {
    User {
        id: user.id.to_string(),
        email: user.email,
        name: user.name,
        roles,
        created_at: Some(user.created_at.into()),
        updated_at: Some(user.updated_at.into()),
    }
}

/// The roles of a user, in a stable order.
pub(crate) async fn roles(db: &impl ConnectionTrait, id: Uuid) -> Result<Vec<String>, DbErr> {
    let roles = user_role::Entity::find()
        .filter(user_role::Column::UserId.eq(id))
        .order_by_asc(user_role::Column::Role)
        .all(db)
        .await?;
    Ok(roles.into_iter().map(|role| role.role).collect())
}
