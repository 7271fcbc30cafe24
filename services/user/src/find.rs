//! Reads a user.

use chassis::call::FromBus;
use proto::user::v1::{FindRequest, FindResponse};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use token::Identity;
use tonic::{Extensions, Request};
use uuid::Uuid;

use crate::account;
use crate::entity::{session, user};
use crate::error::{Error, Violation};
use crate::service::Users;

/// The role that may read everybody.
const ADMIN: &str = "admin";

impl Users {
    /// Reads a user: the caller itself, or for an admin anybody. Services of the platform, which
    /// call over the bus on nobody's behalf, may read anybody whose id they know.
    ///
    /// # Errors
    /// The id is not one, the caller may not read that user or its session was ended, there is no
    /// such user, or the database is not available.
    pub async fn find(&self, request: Request<FindRequest>) -> Result<FindResponse, Error> {
        let id = whom(request.extensions(), &request.get_ref().id)?;
        if let Some(identity) = request.extensions().get::<Identity>() {
            refuse_ended(&self.db, identity.session_id).await?;
        }
        let found = user::Entity::find_by_id(id)
            .filter(user::Column::DeletedAt.is_null())
            .one(&self.db)
            .await?;
        let user = found.ok_or(Error::UserNotFound)?;
        let roles = account::roles(&self.db, id).await?;
        Ok(FindResponse {
            user: Some(account::message(user, roles)),
        })
    }
}

/// Refuses a caller whose session was ended. The gateway refuses most of them sooner, but its list
/// can be lost, and who calls this service directly does not pass it: the database is the truth.
async fn refuse_ended(db: &DatabaseConnection, session_id: Uuid) -> Result<(), Error> {
    let ended: Option<Uuid> = session::Entity::find_by_id(session_id)
        .filter(session::Column::RevokedAt.is_not_null())
        .select_only()
        .column(session::Column::Id)
        .into_tuple()
        .one(db)
        .await?;
    ended.map_or(Ok(()), |id| Err(Error::SessionRevoked(id)))
}

/// Whom the caller reads, if it may.
fn whom(caller: &Extensions, id: &str) -> Result<Uuid, Error> {
    let identity = caller.get::<Identity>();
    if identity.is_none() && caller.get::<FromBus>().is_none() {
        return Err(Error::Unauthenticated);
    }
    if id.is_empty() {
        return identity
            .map(|identity| identity.user_id)
            .ok_or_else(|| not_an_id("set an id"));
    }
    let id = Uuid::try_parse(id).map_err(|_| not_an_id("expected a UUID"))?;
    match identity {
        Some(identity) if identity.user_id != id && !is_admin(identity) => {
            Err(Error::PermissionDenied)
        }
        _ => Ok(id),
    }
}

fn is_admin(identity: &Identity) -> bool {
    identity.roles.iter().any(|role| role == ADMIN)
}

fn not_an_id(description: &str) -> Error {
    let description = description.into();
    Error::Invalid(vec![Violation {
        field: "id",
        reason: "ID_INVALID",
        description,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELF: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn caller(roles: Option<&[&str]>, from_bus: bool) -> Extensions {
        let mut extensions = Extensions::new();
        if let Some(roles) = roles {
            extensions.insert(Identity {
                user_id: SELF,
                session_id: Uuid::nil(),
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                scopes: Vec::new(),
                auth_epoch: 1,
            });
        }
        if from_bus {
            extensions.insert(FromBus);
        }
        extensions
    }

    fn reason(caller: &Extensions, id: &str) -> Result<Uuid, &'static str> {
        whom(caller, id).map_err(|error| error.reason().reason)
    }

    #[test]
    fn who_may_read_whom() {
        let other = OTHER.to_string();
        for (case, caller, id, expected) in [
            ("itself", caller(Some(&[]), true), "", Ok(SELF)),
            (
                "itself by id",
                caller(Some(&[]), false),
                &*SELF.to_string(),
                Ok(SELF),
            ),
            (
                "another",
                caller(Some(&["editor"]), true),
                &*other,
                Err("PERMISSION_DENIED"),
            ),
            (
                "an admin another",
                caller(Some(&["admin"]), true),
                &*other,
                Ok(OTHER),
            ),
            (
                "an admin itself",
                caller(Some(&["admin"]), false),
                "",
                Ok(SELF),
            ),
            ("a service", caller(None, true), &*other, Ok(OTHER)),
            (
                "a service nobody",
                caller(None, true),
                "",
                Err("ID_INVALID"),
            ),
            (
                "nobody",
                caller(None, false),
                &*other,
                Err("UNAUTHENTICATED"),
            ),
            (
                "nobody itself",
                caller(None, false),
                "",
                Err("UNAUTHENTICATED"),
            ),
            (
                "no id",
                caller(Some(&["admin"]), true),
                "ada",
                Err("ID_INVALID"),
            ),
        ] {
            assert_eq!(reason(&caller, id), expected, "{case}");
        }
    }
}
