//! Native gRPC and gRPC-Web through the gateway, and gRPC straight to the services.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use proto::auth::v1::auth_service_client::AuthServiceClient;
use proto::auth::v1::{GetProfileRequest, GetProfileResponse, LoginRequest};
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use proto::user::v1::user_service_client::UserServiceClient;
use proto::user::v1::{
    FindRequest, FindResponse, RefreshSessionRequest, RegisterRequest, ValidateRequest,
};
use reqwest::Method;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;

use crate::accounts::text;
use crate::harness::{Account, Answer, PATIENCE, Platform, within};
use crate::sessions::ended_session;

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
        .login(LoginRequest { email, password })
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
    };
    refused(
        auth.login(wrong).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
}

/// A message with gRPC's prefix.
fn framed(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut bytes).unwrap();
    bytes
}

/// The message and the trailers of a gRPC-Web body.
fn unframed(mut body: &[u8]) -> (Vec<u8>, String) {
    let (mut message, mut trailers) = (Vec::new(), String::new());
    while let Some((prefix, rest)) = body.split_at_checked(5) {
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap());
        let (part, rest) = rest.split_at(length.try_into().unwrap());
        match prefix[0] {
            0 => message.extend(part),
            0x80 => trailers.push_str(std::str::from_utf8(part).unwrap()),
            flags => panic!("flags {flags}"),
        }
        body = rest;
    }
    (message, trailers)
}

async fn web(platform: &Platform, path: &str, form: &str, token: &str, body: Vec<u8>) -> Answer {
    let request = platform
        .client
        .request(Method::POST, path)
        .bearer_auth(token);
    let request = request.header("content-type", form).header("accept", form);
    let answer = platform
        .client
        .send(request.header("x-grpc-web", "1").body(body))
        .await;
    assert_eq!(answer.status, 200);
    answer
}

pub(crate) async fn web_calls_give_the_same_user_as_rest(platform: Platform) {
    let registered = platform.client.registered(&Account::new("ada")).await;
    let (token, id) = (
        text(&registered, "accessToken"),
        text(&registered["user"], "id"),
    );
    let (profile, find) = (
        "/auth.v1.AuthService/GetProfile",
        "/user.v1.UserService/Find",
    );

    let request = framed(&GetProfileRequest {});
    for form in ["application/grpc-web+proto", "application/grpc-web"] {
        let answer = web(&platform, profile, form, token, request.clone()).await;
        let (message, trailers) = unframed(&answer.body);
        assert!(trailers.contains("grpc-status:0"), "{trailers:?}");
        assert_eq!(
            GetProfileResponse::decode(&*message)
                .unwrap()
                .user
                .unwrap()
                .id,
            id
        );
    }

    let request = framed(&FindRequest { id: id.to_owned() });
    let form = "application/grpc-web+proto";
    let (message, trailers) = unframed(
        &web(&platform, find, form, token, request.clone())
            .await
            .body,
    );
    assert!(trailers.contains("grpc-status:0"), "{trailers:?}");
    assert_eq!(
        FindResponse::decode(&*message).unwrap().user.unwrap().id,
        id
    );

    let request = STANDARD.encode(request).into_bytes();
    let answer = web(&platform, find, "application/grpc-web-text", token, request).await;
    // Each chunk may bear its own padding.
    let body: Vec<u8> = answer
        .body
        .chunks(4)
        .flat_map(|four| STANDARD.decode(four).unwrap())
        .collect();
    let (message, trailers) = unframed(&body);
    assert!(trailers.contains("grpc-status:0"), "{trailers:?}");
    assert_eq!(
        FindResponse::decode(&*message).unwrap().user.unwrap().id,
        id
    );

    let request = framed(&GetProfileRequest {});
    let answer = web(
        &platform,
        profile,
        "application/grpc-web+proto",
        "nonsense",
        request,
    )
    .await;
    let status = answer.header("grpc-status").map(str::to_owned);
    let (message, trailers) = unframed(&answer.body);
    assert!(message.is_empty());
    assert!(
        status.as_deref() == Some("16") || trailers.contains("grpc-status:16"),
        "{answer:?}"
    );
}

pub(crate) async fn internal_methods_are_not_reachable_through_the_gateway(platform: Platform) {
    let registered = platform.client.registered(&Account::new("ada")).await;
    let now = SystemTime::now();
    let service = platform
        .signer
        .issue_service("e2e", now, Duration::from_secs(60))
        .unwrap();
    let channel = connect(&platform.client.url).await;
    let mut users = UserServiceClient::new(channel.clone());
    let mut notifications = NotificationServiceClient::new(channel);
    for token in [text(&registered, "accessToken"), &service] {
        let results = [
            users
                .register(bearing(token, RegisterRequest::default()))
                .await
                .map(drop),
            users
                .validate(bearing(token, ValidateRequest::default()))
                .await
                .map(drop),
            users
                .refresh_session(bearing(token, RefreshSessionRequest::default()))
                .await
                .map(drop),
            notifications
                .send_email(bearing(token, SendEmailRequest::default()))
                .await
                .map(drop),
            notifications
                .send_welcome(bearing(token, SendWelcomeRequest::default()))
                .await
                .map(drop),
        ];
        for result in results {
            assert_eq!(result.unwrap_err().code(), Code::Unimplemented);
        }
        let body = framed(&ValidateRequest::default());
        let path = "/user.v1.UserService/Validate";
        let answer = web(&platform, path, "application/grpc-web+proto", token, body).await;
        let trailers = unframed(&answer.body).1;
        let status = answer.header("grpc-status").map(str::to_owned);
        assert!(status.as_deref() == Some("12") || trailers.contains("grpc-status:12"));
    }
}

pub(crate) async fn a_service_called_directly_keeps_the_same_rules(platform: Platform) {
    let account = Account::new("ada");
    let registered = platform.client.registered(&account).await;
    let token = text(&registered, "accessToken");
    let mut users = UserServiceClient::new(connect(&platform.user).await);

    refused(
        users.find(FindRequest::default()).await,
        Code::Unauthenticated,
        "TOKEN_MISSING",
    );
    let found = users
        .find(bearing(token, FindRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.user.unwrap().email, account.email);
    let bad = users
        .find(bearing(
            token,
            FindRequest {
                id: "no uuid".into(),
            },
        ))
        .await
        .unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument, "{bad:?}");

    let ended = ended_session(&platform).await;
    let found = users.find(bearing(&ended, FindRequest::default())).await;
    refused(found, Code::Unauthenticated, "SESSION_REVOKED");

    let other = Account::new("eve");
    let register = RegisterRequest {
        email: other.email.clone(),
        password: other.password.clone(),
        name: other.name.clone(),
    };
    let (email, password) = (account.email, account.password);
    let validate = ValidateRequest { email, password };
    for token in [token, "nonsense"] {
        let result = users.register(bearing(token, register.clone())).await;
        refused(result, Code::PermissionDenied, "INTERNAL_METHOD");
        let result = users.validate(bearing(token, validate.clone())).await;
        refused(result, Code::PermissionDenied, "INTERNAL_METHOD");
    }
    refused(
        users.register(register).await,
        Code::PermissionDenied,
        "INTERNAL_METHOD",
    );
    refused(
        users.validate(validate).await,
        Code::PermissionDenied,
        "INTERNAL_METHOD",
    );
    platform
        .client
        .login(&other)
        .await
        .refused(401, "INVALID_CREDENTIALS");
}

pub(crate) async fn a_service_token_sends_mails_directly(platform: Platform) {
    let token = platform.service_token().await;
    let mut notifications = NotificationServiceClient::new(connect(&platform.notification).await);
    let (ada, grace) = (Account::new("ada"), Account::new("grace"));
    let welcome = SendWelcomeRequest {
        user_id: uuid::Uuid::now_v7().to_string(),
        email: ada.email.clone(),
        name: ada.name.clone(),
    };
    let email = SendEmailRequest {
        to: grace.email.clone(),
        subject: "A subject".into(),
        text: "Some text of its own.".into(),
        html: String::new(),
    };
    let denied = notifications.send_welcome(welcome.clone()).await;
    refused(denied, Code::PermissionDenied, "INTERNAL_METHOD");
    notifications
        .send_welcome(bearing(&token, welcome))
        .await
        .unwrap();
    notifications
        .send_email(bearing(&token, email))
        .await
        .unwrap();
    assert!(platform.mail_to(&ada.email).await.text.contains(&ada.name));
    let mail = platform.mail_to(&grace.email).await;
    assert!(mail.text.contains("A subject") && mail.text.contains("Some text of its own."));
    assert_eq!(platform.mails_to(&ada.email).await.len(), 1);
}

pub(crate) async fn reflection_and_health_answer_on_every_port(platform: Platform) {
    for (url, services) in [
        (
            &platform.client.url,
            &["auth.v1.AuthService", "user.v1.UserService"][..],
        ),
        (&platform.user, &["user.v1.UserService"]),
        (
            &platform.notification,
            &["notification.v1.NotificationService"],
        ),
    ] {
        let channel = connect(url).await;
        let listed = reflected(channel.clone()).await;
        for service in services {
            assert!(
                listed.iter().any(|name| name == service),
                "{url}: {listed:?}"
            );
        }
        for service in services.iter().copied().chain([""]) {
            let request = HealthCheckRequest {
                service: service.to_owned(),
            };
            // Watched, since readiness reaches it a moment after those who wait for the platform.
            let mut health = HealthClient::new(channel.clone());
            let mut states = health.watch(request).await.unwrap().into_inner();
            let serving = async {
                while states.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
            };
            within(&format!("{url} serving {service:?}"), PATIENCE, serving).await;
        }
    }
    let listed = reflected(connect(&platform.client.url).await).await;
    assert!(
        !listed.iter().any(|name| name.starts_with("notification.")),
        "{listed:?}"
    );
}

/// The services that reflection lists.
async fn reflected(channel: Channel) -> Vec<String> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(channel);
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    match answers
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap()
    {
        MessageResponse::ListServicesResponse(list) => list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect(),
        other => panic!("{other:?}"),
    }
}
