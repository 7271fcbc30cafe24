//! Creates an account and opens its first session.

use proto::notification::v1::SendWelcomeRequest;
use proto::user::v1::{RegisterRequest, RegisterResponse, Session};
use sea_orm::{ActiveModelTrait as _, ConnectionTrait, IntoActiveModel as _};
use tonic::Request;
use uuid::Uuid;

use crate::entity::{user, user_credential};
use crate::error::Error;
use crate::password::{PasswordHash, SCHEME, policy};
use crate::service::Users;
use crate::timestamp::Timestamp;
use crate::{account, call_journal, database, email::Email, name, outbox};

/// What a request says, checked.
#[derive(Debug)]
struct NewUser {
    email: Email,
    name: String,
}

impl Users {
    /// Creates an account and opens its first session.
    ///
    /// User, password, session, welcome event and the note that the call was executed are stored
    /// in one transaction: all of them or none.
    ///
    /// # Errors
    /// Fields that cannot be taken, the address is taken, the call was executed before, or the
    /// hasher or the database is not available.
    pub async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<RegisterResponse, Error> {
        let call = call_journal::call_id(request.extensions());
        let request = request.into_inner();
        let new = check(&request)?;
        // Before the transaction: nobody should wait for a lock while a password is hashed.
        let hash = self
            .hasher
            .hash(&request.password, self.deps.random())
            .await?;

        let now = self.deps.clock.now();
        let id = self.deps.ids.id(now);
        let transaction = database::begin_write(&self.db).await?;
        call_journal::note(&transaction, call.as_ref(), now).await?;
        let user = insert_user(&transaction, id, &new, now).await?;
        insert_password(&transaction, id, hash, now).await?;
        let session = self.welcome(&transaction, &user, &new.email, now).await?;
        transaction.commit().await?;
        self.poke.notify_one();
        Ok(RegisterResponse {
            user: Some(account::message(user, Vec::new())),
            session: Some(session),
        })
    }

    /// Opens the first session of a user and writes the event that welcomes it.
    async fn welcome(
        &self,
        transaction: &impl ConnectionTrait,
        user: &user::Model,
        email: &Email,
        now: Timestamp,
    ) -> Result<Session, Error> {
        let session = self
            .sessions
            .open(transaction, &self.deps, user.id, user.auth_epoch, now)
            .await?;
        let key = user.id.to_string();
        let welcome = SendWelcomeRequest {
            user_id: key.clone(),
            email: email.mailbox().to_owned(),
            name: user.name.clone(),
        };
        let event = self
            .sealer
            .seal_welcome(&welcome, &key, self.deps.ids.id(now), now.into())?;
        outbox::write(transaction, ("user", &key), event, now).await?;
        Ok(session)
    }
}

/// Everything that is wrong, told at once.
fn check(request: &RegisterRequest) -> Result<NewUser, Error> {
    let email = Email::parse(&request.email);
    let name = name::parse(&request.name);
    let password = policy::check(&request.password, name.as_deref().ok(), email.as_ref().ok());
    match (email, password, name) {
        (Ok(email), Ok(()), Ok(name)) => Ok(NewUser { email, name }),
        (email, password, name) => {
            let wrong = [email.err(), password.err(), name.err()];
            Err(Error::Invalid(wrong.into_iter().flatten().collect()))
        }
    }
}

async fn insert_user(
    transaction: &impl ConnectionTrait,
    id: Uuid,
    new: &NewUser,
    now: Timestamp,
) -> Result<user::Model, Error> {
    let user = user::Model {
        id,
        email: new.email.as_typed().to_owned(),
        email_canonical: new.email.canonical().to_owned(),
        email_verified_at: None,
        phone_e164: None,
        name: new.name.clone(),
        locale: None,
        status: user::Status::Active,
        auth_epoch: 1,
        version: 1,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    // The constraint decides and no look beforehand: between the two another could register.
    match user.clone().into_active_model().insert(transaction).await {
        Ok(_) => Ok(user),
        Err(error) if call_journal::is_duplicate(&error) => Err(Error::EmailTaken),
        Err(error) => Err(error.into()),
    }
}

async fn insert_password(
    transaction: &impl ConnectionTrait,
    user_id: Uuid,
    password_hash: PasswordHash,
    now: Timestamp,
) -> Result<(), Error> {
    let credential = user_credential::Model {
        user_id,
        password_hash,
        scheme: SCHEME.into(),
        changed_at: now,
    };
    credential.into_active_model().insert(transaction).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(email: &str, password: &str, name: &str) -> Vec<(&'static str, &'static str)> {
        let request = RegisterRequest {
            email: email.into(),
            password: password.into(),
            name: name.into(),
        };
        match check(&request) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(violations)) => violations
                .into_iter()
                .map(|v| (v.field, v.reason))
                .collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_wrong_field_is_told() {
        assert_eq!(violations("ada@example.com", "correct horse", "Ada"), []);
        assert_eq!(
            violations("ada", "short", ""),
            [
                ("email", "EMAIL_INVALID"),
                ("password", "PASSWORD_TOO_SHORT"),
                ("name", "NAME_EMPTY")
            ]
        );
    }

    #[test]
    fn the_own_name_is_no_password_also_where_the_address_is_wrong() {
        assert_eq!(
            violations("ada", "ada lovelace", "Ada Lovelace"),
            [
                ("email", "EMAIL_INVALID"),
                ("password", "PASSWORD_PERSONAL")
            ]
        );
    }
}
