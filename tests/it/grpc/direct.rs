//! gRPC on the services' own ports, and what every port has: health and reflection.

use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use proto::user::v1::user_service_client::UserServiceClient;
use proto::user::v1::{FindRequest, RegisterRequest, ValidateRequest};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::{bearing, connect, refused};
use crate::accounts::text;
use crate::harness::{Account, PATIENCE, Platform, within};
use crate::sessions::ended_session;

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
