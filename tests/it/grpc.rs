//! Native gRPC and gRPC-Web through the gateway, and gRPC straight to the services.

use proto::auth::v1::auth_service_client::AuthServiceClient;
use proto::auth::v1::{GetProfileRequest, LoginRequest};
use proto::user::v1::FindRequest;
use proto::user::v1::user_service_client::UserServiceClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::accounts::text;
use crate::harness::{Account, Platform};

mod direct;
mod web;

pub(crate) use direct::{
    a_service_called_directly_keeps_the_same_rules, a_service_token_sends_mails_directly,
    reflection_and_health_answer_on_every_port,
};
pub(crate) use web::{
    internal_methods_are_not_reachable_through_the_gateway, web_calls_give_the_same_user_as_rest,
};

pub(crate) async fn connect(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned())
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// A request with a bearer token.
pub(crate) fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

#[track_caller]
fn refused<T>(result: Result<T, Status>, code: Code, reason: &str) {
    let Err(status) = result else {
        panic!("it was not refused")
    };
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info();
    assert_eq!(
        info.map(|info| info.reason).as_deref(),
        Some(reason),
        "{status:?}"
    );
}

pub(crate) async fn native_calls_give_the_same_user_as_rest(platform: Platform) {
    let account = Account::new("ada");
    let registered = platform.client.registered(&account).await;
    let token = text(&registered, "accessToken");
    let channel = connect(&platform.client.url).await;
    let mut auth = AuthServiceClient::new(channel.clone());

    let profile = auth
        .get_profile(bearing(token, GetProfileRequest {}))
        .await
        .unwrap();
    let user = profile.into_inner().user.unwrap();
    assert_eq!(user.id, text(&registered["user"], "id"));
    assert_eq!((&user.email, &user.name), (&account.email, &account.name));
    let find = FindRequest {
        id: user.id.clone(),
    };
    let found = UserServiceClient::new(channel)
        .find(bearing(token, find))
        .await
        .unwrap();
    assert_eq!(found.into_inner().user.as_ref(), Some(&user));

    let (email, password) = (account.email.clone(), account.password.clone());
    let logged_in = auth
        .login(LoginRequest {
            email,
            password,
            scopes: Vec::new(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(logged_in.user, Some(user));
    platform
        .client
        .profile(&logged_in.access_token)
        .await
        .json(200);

    refused(
        auth.get_profile(GetProfileRequest {}).await,
        Code::Unauthenticated,
        "TOKEN_MISSING",
    );
    let bad = auth
        .get_profile(bearing("v4.public.x", GetProfileRequest {}))
        .await;
    refused(bad, Code::Unauthenticated, "TOKEN_INVALID");
    let wrong = LoginRequest {
        email: account.email,
        password: "something else".into(),
        scopes: Vec::new(),
    };
    refused(
        auth.login(wrong).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
}
