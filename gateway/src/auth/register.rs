//! Sign-up: one call to the user service, which stores user, session and welcome event together.

use chassis::call::Budget;
use proto::auth::v1::{RegisterRequest, RegisterResponse};
use proto::user::v1;
use tonic::{Request, Status};

use super::{Auth, on_behalf};

pub(super) async fn register(
    auth: &Auth,
    request: Request<RegisterRequest>,
) -> Result<RegisterResponse, Status> {
    let (metadata, extensions, request) = request.into_parts();
    let RegisterRequest {
        email,
        password,
        name,
    } = request;
    let budget = extensions.get::<Budget>().copied();
    let call = on_behalf(
        &metadata,
        budget,
        v1::RegisterRequest {
            email,
            password,
            name,
        },
    );
    let answer = auth.users.clone().register(call).await?.into_inner();
    let pair = auth.pair(answer.user, answer.session, Vec::new())?;
    Ok(RegisterResponse {
        access_token: pair.access,
        refresh_token: pair.refresh,
        user: Some(pair.user),
    })
}
