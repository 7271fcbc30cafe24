//! gRPC-Web, framed by hand, and what neither form of gRPC reaches.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use proto::auth::v1::{GetProfileRequest, GetProfileResponse};
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use proto::user::v1::user_service_client::UserServiceClient;
use proto::user::v1::{
    FindRequest, FindResponse, RefreshSessionRequest, RegisterRequest, ValidateRequest,
};
use reqwest::Method;
use tonic::Code;

use super::{bearing, connect};
use crate::accounts::text;
use crate::harness::{Account, Answer, Platform};

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
