use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use proto::user::v1::Session;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _, IntoActiveModel as _};
use tonic::Code;
use user::deps::Clock;
use user::entity::{session, user as users, user_credential, user_role};
use user::password::{Cost, Hasher, HasherSettings, PasswordHash};
use user::timestamp::Timestamp;

use crate::harness::{Backend, PASSWORD, TestApp, reason};

crate::on_each_database! {
    the_right_password_opens_a_session,
    whatever_is_wrong_the_answer_is_the_same,
    a_closed_account_answers_like_none,
    a_hash_of_an_older_cost_is_made_anew,
    a_stored_hash_out_of_bounds_is_not_run,
    a_password_changed_meanwhile_opens_nothing,
}

async fn the_right_password_opens_a_session(backend: Backend) {
    let app = TestApp::new(backend).await;
    let user = app.register("ada@example.com").await.unwrap().user.unwrap();
    let role = user_role::Model {
        user_id: user.id.parse().unwrap(),
        role: "admin".into(),
        granted_at: app.clock.now(),
    };
    role.into_active_model().insert(app.db()).await.unwrap();
    let answer = app.validate("  ADA@example.com", PASSWORD).await.unwrap();
    assert_eq!(
        answer.user.as_ref().map(|user| &user.roles[..]),
        Some(&["admin".to_owned()][..])
    );
    let Session {
        refresh_generation,
        auth_epoch,
        ..
    } = answer.session.unwrap();
    assert_eq!((refresh_generation, auth_epoch), (1, 1));
    assert_eq!(
        session::Entity::find().all(app.db()).await.unwrap().len(),
        2
    );
}

async fn whatever_is_wrong_the_answer_is_the_same(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    for (email, password) in [
        ("ada@example.com", "zebra-quartz-lanterm"),
        ("ada@example.com", ""),
        ("ada@example.com", "zebra-quartz-lantern\0"),
        ("bob@example.com", PASSWORD),
        ("not an address", PASSWORD),
        ("ada@example.com\0", PASSWORD),
    ] {
        let status = app.validate(email, password).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{email:?}");
        assert_eq!(status.message(), "the address or the password is wrong");
        assert_eq!(reason::<()>(Err(status)), "INVALID_CREDENTIALS");
    }
    assert_eq!(
        session::Entity::find().all(app.db()).await.unwrap().len(),
        1
    );
}

async fn a_closed_account_answers_like_none(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    let stored = users::Entity::find().one(app.db()).await.unwrap().unwrap();
    let mut user = stored.clone().into_active_model();
    user.status = Set(users::Status::Disabled);
    user.update(app.db()).await.unwrap();
    assert_eq!(
        reason(app.validate("ada@example.com", PASSWORD).await),
        "INVALID_CREDENTIALS"
    );
    let mut user = stored.into_active_model();
    user.status = Set(users::Status::Active);
    user.deleted_at = Set(Some(app.clock.now()));
    user.update(app.db()).await.unwrap();
    assert_eq!(
        reason(app.validate("ada@example.com", PASSWORD).await),
        "INVALID_CREDENTIALS"
    );
}

async fn a_hash_of_an_older_cost_is_made_anew(backend: Backend) {
    let mut app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    let old = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    let cost = Cost::new(20_000, 2, 1).unwrap();
    app.users.hasher = Hasher::new(HasherSettings {
        cost,
        ..HasherSettings::default()
    })
    .unwrap();
    app.clock.advance(Duration::from_secs(60));
    app.validate("ada@example.com", PASSWORD).await.unwrap();
    let new = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    assert!(
        new.password_hash.0.contains("$m=20000,t=2,p=1$"),
        "{}",
        new.password_hash.0
    );
    assert_eq!(new.changed_at, old.changed_at);
    app.validate("ada@example.com", PASSWORD).await.unwrap();
    let same = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(same, new);
}

async fn a_stored_hash_out_of_bounds_is_not_run(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    let stored = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    let costly = PasswordHash(stored.password_hash.0.replace("m=19456", "m=4000000"));
    let mut credential = stored.into_active_model();
    credential.password_hash = Set(costly);
    credential.update(app.db()).await.unwrap();
    assert_eq!(
        reason(app.validate("ada@example.com", PASSWORD).await),
        "INVALID_CREDENTIALS"
    );
}

/// A clock that says when it is read, and answers when it is told to.
#[derive(Debug)]
struct Pausing {
    asked: mpsc::Sender<()>,
    answer: Mutex<mpsc::Receiver<()>>,
}

impl Clock for Pausing {
    fn now(&self) -> Timestamp {
        self.asked.send(()).unwrap();
        self.answer.lock().unwrap().recv().unwrap();
        Timestamp(1_763_856_000_000)
    }
}

async fn a_password_changed_meanwhile_opens_nothing(backend: Backend) {
    let mut app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    let ((asked, was_asked), (go, answer)) = (mpsc::channel(), mpsc::channel());
    app.users.deps.clock = Arc::new(Pausing {
        asked,
        answer: Mutex::new(answer),
    });
    let app = Arc::new(app);
    let signing_in = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.validate("ada@example.com", PASSWORD).await }
    });
    // The password was found right, and nothing is stored yet.
    tokio::task::spawn_blocking(move || was_asked.recv().unwrap())
        .await
        .unwrap();
    let stored = user_credential::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap();
    let mut credential = stored.into_active_model();
    credential.password_hash = Set(PasswordHash("another".into()));
    credential.update(app.db()).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(reason(signing_in.await.unwrap()), "INVALID_CREDENTIALS");
    assert_eq!(
        session::Entity::find().all(app.db()).await.unwrap().len(),
        1
    );
}
