//! A new pair of tokens for a refresh token. The session moves to its next generation, so a refresh
//! token that was used and comes again shows that it was stolen: the session ends, and with it the
//! access tokens that it was given.

use chassis::call::Budget;
use chassis::layer::authenticate::{TOKEN_MISSING, bearer, refused};
use chassis::status::reason_of;
use proto::auth::v1::{RefreshRequest, RefreshResponse};
use proto::user::v1::RefreshSessionRequest;
use tonic::{Request, Status};

use super::{Auth, on_behalf};

/// What the user service says when it has ended the session.
const SESSION_REVOKED: &str = "SESSION_REVOKED";

pub(super) async fn refresh(
    auth: &Auth,
    request: Request<RefreshRequest>,
) -> Result<RefreshResponse, Status> {
    let (mut metadata, extensions, request) = request.into_parts();
    let headers = metadata.clone().into_headers();
    let token = Some(request.refresh_token.as_str()).filter(|token| !token.is_empty());
    let token = token.or_else(|| bearer(&headers)).ok_or_else(|| {
        TOKEN_MISSING
            .status("this needs a refresh token: send it as `refreshToken` or as the bearer token")
    })?;
    let claims = auth
        .refresh_keys
        .open(token, (auth.clock)())
        .map_err(refused)?;
    // The refresh token is for the gateway alone.
    metadata.remove("authorization");
    let call = RefreshSessionRequest {
        session_id: claims.session_id.to_string(),
        refresh_generation: claims.generation,
        refresh_secret: claims.secret.to_vec(),
    };
    let call = on_behalf(&metadata, extensions.get::<Budget>().copied(), call);
    let answer = match auth.users.clone().refresh_session(call).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            if reason_of(&status).as_deref() == Some(SESSION_REVOKED) {
                auth.revocations.revoke(claims.session_id).await?;
            }
            return Err(status);
        }
    };
    let pair = auth.pair(answer.user, answer.session, claims.scopes.clone())?;
    Ok(RefreshResponse {
        access_token: pair.access,
        refresh_token: pair.refresh,
        user: Some(pair.user),
    })
}
