use std::time::Duration;

use chassis::call::CallId;
use proto::user::v1::{RegisterRequest, ValidateRequest};
use sea_orm::EntityTrait as _;
use tonic::{Code, Request, Status};
use user::call_journal::{self, KEPT_FOR};
use user::deps::Clock as _;
use user::entity::{call_journal as journal, session};

use crate::harness::{Backend, PASSWORD, TestApp, reason};

crate::on_each_database! {
    a_call_delivered_twice_takes_effect_once,
    a_call_that_failed_may_be_made_again,
    old_notes_are_purged_in_batches,
}

fn call<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(CallId(id.into()));
    request
}

fn register(id: &str, email: &str) -> Request<RegisterRequest> {
    let (password, name) = (PASSWORD.into(), "Ada".into());
    call(
        id,
        RegisterRequest {
            email: email.into(),
            password,
            name,
        },
    )
}

async fn a_call_delivered_twice_takes_effect_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register_request(register("c1", "ada@example.com"))
        .await
        .unwrap();
    let status = app
        .register_request(register("c1", "ada@example.com"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(reason::<()>(Err(status)), "ALREADY_EXECUTED");
    // Another call is another call.
    let other = app
        .register_request(register("c2", "ada@example.com"))
        .await;
    assert_eq!(reason(other), "EMAIL_TAKEN");

    let validate = |id| {
        call(
            id,
            ValidateRequest {
                email: "ada@example.com".into(),
                password: PASSWORD.into(),
            },
        )
    };
    app.users.validate(validate("c3")).await.unwrap();
    let again = app
        .users
        .validate(validate("c3"))
        .await
        .map_err(Status::from);
    assert_eq!(reason(again), "ALREADY_EXECUTED");
    assert_eq!(
        session::Entity::find().all(app.db()).await.unwrap().len(),
        2
    );
}

async fn a_call_that_failed_may_be_made_again(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    for _ in 0..2 {
        let taken = app
            .register_request(register("c1", "ada@example.com"))
            .await;
        assert_eq!(reason(taken), "EMAIL_TAKEN");
    }
    app.register_request(register("c1", "bob@example.com"))
        .await
        .unwrap();
}

async fn old_notes_are_purged_in_batches(backend: Backend) {
    let app = TestApp::new(backend).await;
    for number in 0..5 {
        let request = register(&format!("c{number}"), &format!("ada{number}@example.com"));
        app.register_request(request).await.unwrap();
    }
    app.clock.advance(KEPT_FOR);
    app.register_request(register("c5", "ada5@example.com"))
        .await
        .unwrap();
    app.clock.advance(Duration::from_millis(1));
    let before = app.clock.now() - KEPT_FOR;
    for purged in [2, 2, 1, 0] {
        assert_eq!(
            call_journal::purge(app.db(), before, 2).await.unwrap(),
            purged
        );
    }
    let left = journal::Entity::find().all(app.db()).await.unwrap();
    assert_eq!(
        left.iter()
            .map(|note| note.call_id.as_str())
            .collect::<Vec<_>>(),
        ["c5"]
    );
}
