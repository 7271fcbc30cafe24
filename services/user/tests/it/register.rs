use std::sync::Arc;

use prost::Message as _;
use proto::notification::v1::SendWelcomeRequest;
use proto::user::v1::RegisterRequest;
use sea_orm::{ConnectionTrait as _, EntityTrait as _};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;
use user::deps::Clock as _;
use user::entity::{outbox, session, user as users, user_credential};

use crate::harness::{Backend, TestApp, reason};

crate::on_each_database! {
    registering_stores_user_password_session_and_event,
    a_taken_address_is_refused_however_it_is_written,
    of_fifty_at_once_with_one_address_one_is_registered,
    fifty_at_once_with_their_own_addresses_are_all_registered,
    what_cannot_be_taken_is_told_field_by_field,
    nothing_is_stored_where_the_event_cannot_be,
    a_lost_database_is_told_without_details,
}

async fn registering_stores_user_password_session_and_event(backend: Backend) {
    let app = TestApp::new(backend).await;
    let answer = app.register(" Ada@Bücher.example ").await.unwrap();
    let user = answer.user.unwrap();
    assert_eq!(
        (user.email.as_str(), user.name.as_str()),
        ("Ada@Bücher.example", "Ada")
    );
    assert!(user.roles.is_empty());
    assert_eq!(user.created_at, Some(app.clock.now().into()));
    let session = answer.session.unwrap();
    assert_eq!((session.refresh_generation, session.auth_epoch), (1, 1));
    assert_eq!(session.refresh_secret.len(), 32);

    let stored = users::Entity::find().one(app.db()).await.unwrap().unwrap();
    assert_eq!(stored.id.to_string(), user.id);
    assert_eq!(stored.email_canonical, "ada@xn--bcher-kva.example");
    let credential = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    assert!(
        credential
            .password_hash
            .0
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
    let stored = session::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.id.to_string(), session.id);
    assert_eq!(session.expires_at, Some(stored.expires_at.into()));

    let event = outbox::Entity::find().one(app.db()).await.unwrap().unwrap();
    assert_eq!(
        (event.aggregatetype.as_str(), &event.aggregateid),
        ("user", &user.id)
    );
    assert_eq!(
        (event.topic.as_str(), &event.partition_key),
        ("notification.send.welcome", &user.id)
    );
    assert_eq!(event.created_at, app.clock.now());
    let welcome = SendWelcomeRequest::decode(event.payload.as_slice()).unwrap();
    assert_eq!(
        welcome,
        SendWelcomeRequest {
            user_id: user.id,
            // What a mail server understands.
            email: "Ada@xn--bcher-kva.example".into(),
            name: "Ada".into()
        }
    );
}

async fn a_taken_address_is_refused_however_it_is_written(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register("ada@bücher.example").await.unwrap();
    for same in [
        "ada@bücher.example",
        " ADA@BÜCHER.EXAMPLE",
        "ada@xn--bcher-kva.example",
    ] {
        let status = app.register(same).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
        assert_eq!(
            status.get_details_error_info().unwrap().reason,
            "EMAIL_TAKEN"
        );
    }
    assert_eq!(users::Entity::find().all(app.db()).await.unwrap().len(), 1);
    assert_eq!(
        session::Entity::find().all(app.db()).await.unwrap().len(),
        1
    );
    assert_eq!(outbox::Entity::find().all(app.db()).await.unwrap().len(), 1);
}

/// Starts fifty registrations at once and tells what became of each.
async fn fifty(app: Arc<TestApp>, email: impl Fn(usize) -> String) -> Vec<String> {
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let (app, email) = (Arc::clone(&app), email(number));
            tokio::spawn(async move {
                app.register(&email)
                    .await
                    .map_or_else(|status| reason::<()>(Err(status)), |_| "OK".into())
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap());
    }
    outcomes
}

async fn of_fifty_at_once_with_one_address_one_is_registered(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let outcomes = fifty(Arc::clone(&app), |_| "ada@example.com".into()).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| *outcome == "OK").count(),
        1,
        "{outcomes:?}"
    );
    let taken = outcomes
        .iter()
        .filter(|outcome| *outcome == "EMAIL_TAKEN")
        .count();
    assert_eq!(taken, 49, "{outcomes:?}");
    assert_eq!(outbox::Entity::find().all(app.db()).await.unwrap().len(), 1);
}

async fn fifty_at_once_with_their_own_addresses_are_all_registered(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let outcomes = fifty(Arc::clone(&app), |number| {
        format!("ada{number}@example.com")
    })
    .await;
    assert!(
        outcomes.iter().all(|outcome| outcome == "OK"),
        "{outcomes:?}"
    );
    assert_eq!(
        outbox::Entity::find().all(app.db()).await.unwrap().len(),
        50
    );
}

async fn what_cannot_be_taken_is_told_field_by_field(backend: Backend) {
    let app = TestApp::new(backend).await;
    let request = RegisterRequest {
        email: "ada@localhost".into(),
        password: "Password1".into(),
        name: "Ada\u{202e}".into(),
    };
    let status = app
        .register_request(Request::new(request))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "EMAIL_INVALID");
    let told = details.bad_request().unwrap().field_violations.iter();
    let told: Vec<_> = told
        .map(|v| (v.field.as_str(), v.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("email", "EMAIL_INVALID"),
            ("password", "PASSWORD_COMMON"),
            ("name", "NAME_INVALID")
        ]
    );
    assert!(users::Entity::find().one(app.db()).await.unwrap().is_none());
}

async fn nothing_is_stored_where_the_event_cannot_be(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.db()
        .execute_unprepared("DROP TABLE outbox")
        .await
        .unwrap();
    assert_eq!(reason(app.register("ada@example.com").await), "INTERNAL");
    assert!(users::Entity::find().one(app.db()).await.unwrap().is_none());
    assert!(
        session::Entity::find()
            .one(app.db())
            .await
            .unwrap()
            .is_none()
    );
}

async fn a_lost_database_is_told_without_details(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.db().clone().close().await.unwrap();
    let status = app.register("ada@example.com").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "the database is not available; try again");
    assert_eq!(reason::<()>(Err(status)), "DATABASE_UNAVAILABLE");
}
