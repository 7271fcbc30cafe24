//! Sign-in: one call to the user service, which checks the password and opens a session.

use chassis::call::Budget;
use proto::auth::v1::{LoginRequest, LoginResponse};
use proto::user::v1;
use tonic::{Request, Status};

use super::{Auth, on_behalf};

pub(super) async fn login(
    auth: &Auth,
    request: Request<LoginRequest>,
) -> Result<LoginResponse, Status> {
    let (metadata, extensions, request) = request.into_parts();
    let LoginRequest {
        email,
        password,
        scopes,
    } = request;
    let budget = extensions.get::<Budget>().copied();
    let call = on_behalf(&metadata, budget, v1::ValidateRequest { email, password });
    let answer = auth.users.clone().validate(call).await?.into_inner();
    let pair = auth.pair(answer.user, answer.session, scopes)?;
    Ok(LoginResponse {
        access_token: pair.access,
        refresh_token: pair.refresh,
        user: Some(pair.user),
    })
}
