//! The signed-in user. The access token travels on: the user service verifies it itself.

use chassis::call::Budget;
use proto::auth::v1::{GetProfileRequest, GetProfileResponse};
use proto::user::v1::FindRequest;
use tonic::{Request, Status};

use super::{Auth, on_behalf};

pub(super) async fn profile(
    auth: &Auth,
    request: Request<GetProfileRequest>,
) -> Result<GetProfileResponse, Status> {
    let (metadata, extensions, GetProfileRequest {}) = request.into_parts();
    let budget = extensions.get::<Budget>().copied();
    let call = on_behalf(&metadata, budget, FindRequest { id: String::new() });
    let answer = auth.users.clone().find(call).await?.into_inner();
    Ok(GetProfileResponse { user: answer.user })
}
