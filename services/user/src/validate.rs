//! Checks an address and a password and opens a session.

use chassis::call::CallId;
use proto::user::v1::{ValidateRequest, ValidateResponse};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use tonic::Request;
use uuid::Uuid;

use crate::entity::{user, user_credential};
use crate::error::Error;
use crate::password::{HasherError, PasswordHash, SCHEME, Verdict};
use crate::service::Users;
use crate::{account, call_journal, database, email::Email};

/// Whom an address names, and the hash to compare with.
struct Candidate {
    id: Uuid,
    hash: PasswordHash,
}

impl Users {
    /// Checks an address and a password and opens a session.
    ///
    /// Whatever is wrong, the answer is the same and so is the work.
    ///
    /// # Errors
    /// The credentials are wrong, the call was executed before, or the hasher or the database is
    /// not available.
    pub async fn validate(
        &self,
        request: Request<ValidateRequest>,
    ) -> Result<ValidateResponse, Error> {
        let call = call_journal::call_id(request.extensions());
        let ValidateRequest { email, password } = request.into_inner();
        let Some(candidate) = self.candidate(&email).await? else {
            self.hasher.verify_nothing(&password).await?;
            return Err(Error::InvalidCredentials);
        };
        match self.hasher.verify(&password, &candidate.hash).await {
            Ok(Verdict::Wrong) => Err(Error::InvalidCredentials),
            Ok(Verdict::Right { outdated }) => {
                let upgrade = if outdated {
                    self.upgrade(&password).await?
                } else {
                    None
                };
                self.sign_in(&candidate, upgrade, call.as_ref()).await
            }
            // The account exists and nobody can sign in to it: told to operators, not to callers.
            Err(HasherError::Stored(error)) => {
                tracing::error!(user_id = %candidate.id, %error, "a stored hash was not run");
                self.hasher.verify_nothing(&password).await?;
                Err(Error::InvalidCredentials)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn candidate(&self, email: &str) -> Result<Option<Candidate>, Error> {
        let Ok(email) = Email::parse(email) else {
            return Ok(None);
        };
        let found = user::Entity::find()
            .filter(user::Column::EmailCanonical.eq(email.canonical()))
            .one(&self.db)
            .await?;
        // A query whoever was found, so that time does not tell.
        let id = found.as_ref().map_or(Uuid::nil(), |user| user.id);
        let credential = user_credential::Entity::find_by_id(id)
            .one(&self.db)
            .await?;
        Ok(found
            .filter(user::Model::is_usable)
            .and(credential)
            .map(|credential| Candidate {
                id: credential.user_id,
                hash: credential.password_hash,
            }))
    }

    /// The hash of a right password at today's cost. A busy hasher leaves it to the next sign-in.
    async fn upgrade(&self, password: &str) -> Result<Option<PasswordHash>, Error> {
        match self.hasher.hash(password, self.deps.random()).await {
            Ok(hash) => Ok(Some(hash)),
            Err(HasherError::Busy { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn sign_in(
        &self,
        candidate: &Candidate,
        upgrade: Option<PasswordHash>,
        call: Option<&CallId>,
    ) -> Result<ValidateResponse, Error> {
        let now = self.deps.clock.now();
        let transaction = database::begin_write(&self.db).await?;
        call_journal::note(&transaction, call, now).await?;
        // Read again under a lock: while the password was hashed, the account may have been closed
        // or its password changed.
        let user = user::Entity::find_by_id(candidate.id)
            .lock_exclusive()
            .one(&transaction)
            .await?;
        let user = user
            .filter(user::Model::is_usable)
            .ok_or(Error::InvalidCredentials)?;
        let credential = user_credential::Entity::find_by_id(user.id)
            .one(&transaction)
            .await?;
        if !credential.is_some_and(|credential| credential.password_hash == candidate.hash) {
            return Err(Error::InvalidCredentials);
        }
        if let Some(hash) = upgrade {
            replace_hash(&transaction, user.id, hash).await?;
        }
        let session = self
            .sessions
            .open(&transaction, &self.deps, user.id, user.auth_epoch, now)
            .await?;
        let roles = account::roles(&transaction, user.id).await?;
        transaction.commit().await?;
        Ok(ValidateResponse {
            user: Some(account::message(user, roles)),
            session: Some(session),
        })
    }
}

/// The same password under another hash: `changed_at` stays.
async fn replace_hash(
    transaction: &impl ConnectionTrait,
    user_id: Uuid,
    hash: PasswordHash,
) -> Result<(), Error> {
    user_credential::Entity::update_many()
        .col_expr(user_credential::Column::PasswordHash, Expr::value(hash))
        .col_expr(user_credential::Column::Scheme, Expr::value(SCHEME))
        .filter(user_credential::Column::UserId.eq(user_id))
        .exec(transaction)
        .await?;
    Ok(())
}
