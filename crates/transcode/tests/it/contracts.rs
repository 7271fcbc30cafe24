//! The contracts of this repository have the routes that they declare.

use http::{Method, StatusCode};
use prost_reflect::DynamicMessage;
use serde_json::json;
use transcode::{MethodPolicy, Options, Transcoder};

fn auth() -> Transcoder {
    let policy = |method: &prost_reflect::MethodDescriptor| {
        Some(MethodPolicy {
            success_status: if method.name() == "Register" {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            },
            ..MethodPolicy::default()
        })
    };
    Transcoder::new(
        proto::descriptors(),
        &["auth.v1.AuthService"],
        policy,
        Options::default(),
    )
    .unwrap()
}

#[test]
fn login_reads_json_into_the_request() {
    let auth = auth();
    let route = auth.find(&Method::POST, "/api/v1/auth/login").unwrap();
    assert_eq!(route.grpc_path(), "/auth.v1.AuthService/Login");
    assert!(route.takes_body());
    let body = br#"{"email":"ada@example.com","password":"correct horse"}"#;
    let bytes = route.request(None, Some("application/json"), body).unwrap();
    let message = DynamicMessage::decode(route.method().input(), bytes).unwrap();
    assert_eq!(
        serde_json::to_value(message).unwrap(),
        json!({"email": "ada@example.com", "password": "correct horse"})
    );
}

#[test]
fn a_wrong_password_type_names_the_field_and_not_the_value() {
    let auth = auth();
    let route = auth.find(&Method::POST, "/api/v1/auth/login").unwrap();
    for body in [
        r#"{"email":"a","password":314159}"#,
        r#"{"email":"a","password":["hunter2"]}"#,
        r#"{"email":"a","password":{"hunter2":"hunter2"}}"#,
    ] {
        let error = route.request(None, None, body.as_bytes()).unwrap_err();
        assert_eq!(error.message, "`password`: expected a string");
        assert_eq!(error.violations[0].field, "password");
    }
    for body in [
        r#"{"email":"a","password":"hunter2"#,
        r#"{"email":"a","password":hunter2}"#,
        r#"{"email":"a","password":"hunter2","password":"hunter2"}"#,
        r#"{"email":"a","password":"hunter2\u0000"}"#,
    ] {
        for content_type in ["application/json", "application/x-www-form-urlencoded"] {
            let error = route.request(None, Some(content_type), body.as_bytes());
            let error = error.unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}

#[test]
fn the_profile_is_the_user_alone() {
    let auth = auth();
    let route = auth.find(&Method::GET, "/api/v1/auth/profile").unwrap();
    assert!(!route.takes_body());
    assert!(route.request(None, None, b"").unwrap().is_empty());
    let user = proto::user::v1::User {
        id: "7".into(),
        email: "ada@example.com".into(),
        ..Default::default()
    };
    let message = proto::auth::v1::GetProfileResponse { user: Some(user) };
    let response = route
        .response(&prost::Message::encode_to_vec(&message))
        .unwrap();
    assert_eq!(response.content_type, "application/json");
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&response.body).unwrap(),
        json!({"id": "7", "email": "ada@example.com", "name": "", "roles": []})
    );
}

#[test]
fn the_status_of_success_is_the_policys() {
    let auth = auth();
    let route = auth.find(&Method::POST, "/api/v1/auth/register").unwrap();
    assert_eq!(route.response(b"").unwrap().status, StatusCode::CREATED);
}
