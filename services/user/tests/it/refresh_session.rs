use std::sync::Arc;
use std::time::Duration;

use proto::user::v1::Session;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ConnectionTrait as _, DbBackend, EntityTrait as _,
    IntoActiveModel as _, Statement,
};
use tonic_types::StatusExt as _;
use user::database;
use user::deps::Clock as _;
use user::entity::{session, user as users};
use user::session::{DEFAULT_IDLE_LIFETIME, REISSUE_WITHIN, WrappingKeys};
use uuid::Uuid;

use crate::harness::{Backend, TestApp, reason};

crate::on_each_database! {
    the_current_generation_rotates,
    the_previous_generation_gets_the_same_answer_for_a_while,
    refresh_with_an_older_generation_revokes_the_session,
    refresh_with_the_previous_generation_too_late_revokes_the_session,
    a_wrong_secret_is_refused_and_ends_nothing,
    a_newer_generation_is_refused,
    an_idle_session_expires_and_one_in_use_does_not,
    every_session_expires,
    two_tabs_at_once_keep_one_lineage,
    a_token_outdated_while_it_waits_for_the_row_is_refused,
    a_closed_account_ends_the_session,
    a_session_of_nobody_is_refused,
    a_session_whose_wrapping_key_is_gone_has_to_sign_in_again,
}

const SECOND: Duration = Duration::from_secs(1);

async fn signed_in(backend: Backend) -> (TestApp, Session) {
    let app = TestApp::new(backend).await;
    let session = app
        .register("ada@example.com")
        .await
        .unwrap()
        .session
        .unwrap();
    (app, session)
}

async fn stored(app: &TestApp) -> session::Model {
    session::Entity::find()
        .one(app.db())
        .await
        .unwrap()
        .unwrap()
}

async fn the_current_generation_rotates(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    app.clock.advance(SECOND);
    let answer = app.refresh(&first).await.unwrap();
    assert_eq!(answer.user.unwrap().name, "Ada");
    let second = answer.session.unwrap();
    assert_eq!(
        (second.id.as_str(), second.refresh_generation),
        (first.id.as_str(), 2)
    );
    assert_ne!(second.refresh_secret, first.refresh_secret);
    assert_eq!(second.expires_at, first.expires_at);
    let third = app.refresh(&second).await.unwrap().session.unwrap();
    assert_eq!(third.refresh_generation, 3);
    assert_eq!(stored(&app).await.refresh_gen, 3);
    assert_eq!(stored(&app).await.last_seen_at, app.clock.now());
}

async fn the_previous_generation_gets_the_same_answer_for_a_while(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let second = app.refresh(&first).await.unwrap().session.unwrap();
    app.clock.advance(REISSUE_WITHIN);
    let again = app.refresh(&first).await.unwrap().session.unwrap();
    assert_eq!(again, second);
    assert_eq!(
        app.refresh(&second)
            .await
            .unwrap()
            .session
            .unwrap()
            .refresh_generation,
        3
    );
}

async fn refresh_with_an_older_generation_revokes_the_session(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let second = app.refresh(&first).await.unwrap().session.unwrap();
    let third = app.refresh(&second).await.unwrap().session.unwrap();
    let status = app.refresh(&first).await.unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "SESSION_REVOKED");
    assert_eq!(info.metadata["session_id"], first.id);
    let revoked = stored(&app).await;
    assert_eq!(revoked.revoked_at, Some(app.clock.now()));
    assert_eq!(
        revoked.revoke_reason.as_deref(),
        Some("refresh_token_reused")
    );
    // For whoever holds the newest token too.
    assert_eq!(reason(app.refresh(&third).await), "SESSION_REVOKED");
    assert_eq!(stored(&app).await.revoked_at, revoked.revoked_at);
}

async fn refresh_with_the_previous_generation_too_late_revokes_the_session(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    app.refresh(&first).await.unwrap();
    app.clock.advance(REISSUE_WITHIN + Duration::from_millis(1));
    assert_eq!(reason(app.refresh(&first).await), "SESSION_REVOKED");
}

async fn a_wrong_secret_is_refused_and_ends_nothing(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let second = app.refresh(&first).await.unwrap().session.unwrap();
    let third = app.refresh(&second).await.unwrap().session.unwrap();
    for secret in [
        vec![],
        vec![0; 32],
        third.refresh_secret.clone(),
        vec![1; 100_000],
    ] {
        for refresh_generation in [0, 1, 2, u64::MAX] {
            let refresh_secret = secret.clone();
            let forged = Session {
                refresh_generation,
                refresh_secret,
                ..third.clone()
            };
            assert_eq!(reason(app.refresh(&forged).await), "INVALID_REFRESH_TOKEN");
        }
    }
    app.refresh(&third).await.unwrap();
}

async fn a_newer_generation_is_refused(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let second = app.refresh(&first).await.unwrap().session.unwrap();
    // As after a restore of the database from yesterday.
    let mut restored = stored(&app).await.into_active_model();
    restored.refresh_gen = Set(1);
    restored.update(app.db()).await.unwrap();
    assert_eq!(reason(app.refresh(&second).await), "INVALID_REFRESH_TOKEN");
    assert_eq!(stored(&app).await.revoked_at, None);
}

async fn an_idle_session_expires_and_one_in_use_does_not(backend: Backend) {
    let (app, mut session) = signed_in(backend).await;
    for _ in 0..3 {
        app.clock.advance(DEFAULT_IDLE_LIFETIME - SECOND);
        session = app.refresh(&session).await.unwrap().session.unwrap();
    }
    app.clock.advance(DEFAULT_IDLE_LIFETIME);
    assert_eq!(reason(app.refresh(&session).await), "SESSION_EXPIRED");
}

async fn every_session_expires(backend: Backend) {
    let (app, mut session) = signed_in(backend).await;
    for _ in 0..5 {
        app.clock.advance(Duration::from_secs(5 * 24 * 60 * 60));
        session = app.refresh(&session).await.unwrap().session.unwrap();
    }
    let row = stored(&app).await;
    assert_eq!(row.idle_expires_at, row.expires_at);
    app.clock.advance(Duration::from_secs(5 * 24 * 60 * 60));
    assert_eq!(reason(app.refresh(&session).await), "SESSION_EXPIRED");
}

async fn two_tabs_at_once_keep_one_lineage(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let app = Arc::new(app);
    let tabs: Vec<_> = (0..20)
        .map(|_| {
            let (app, first) = (Arc::clone(&app), first.clone());
            tokio::spawn(async move { app.refresh(&first).await.unwrap().session.unwrap() })
        })
        .collect();
    for tab in tabs {
        assert_eq!(tab.await.unwrap().refresh_generation, 2);
    }
    assert_eq!(stored(&app).await.refresh_gen, 2);
}

async fn a_token_outdated_while_it_waits_for_the_row_is_refused(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let app = Arc::new(app);
    // Another process has taken the session two generations further and is about to commit.
    let mut moved = stored(&app).await.into_active_model();
    moved.refresh_gen = Set(3);
    let other = database::begin_write(app.db()).await.unwrap();
    moved.update(&other).await.unwrap();
    let waiting = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.refresh(&first).await }
    });
    // On SQLite it waits before it reads anything, whenever it comes.
    while app.db().get_database_backend() == DbBackend::Postgres && lock_waits(&app).await == 0 {
        tokio::task::yield_now().await;
    }
    other.commit().await.unwrap();
    assert_eq!(reason(waiting.await.unwrap()), "SESSION_REVOKED");
    assert_eq!(stored(&app).await.refresh_gen, 3);
}

/// How many connections to this test's PostgreSQL database wait for a lock.
async fn lock_waits(app: &TestApp) -> i64 {
    let query = "SELECT count(*) AS waiting FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let query = Statement::from_string(DbBackend::Postgres, query);
    let row = app.db().query_one_raw(query).await.unwrap().unwrap();
    row.try_get("", "waiting").unwrap()
}

async fn a_closed_account_ends_the_session(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    let user = users::Entity::find().one(app.db()).await.unwrap().unwrap();
    let mut user = user.into_active_model();
    user.status = Set(users::Status::Disabled);
    user.update(app.db()).await.unwrap();
    assert_eq!(reason(app.refresh(&first).await), "SESSION_REVOKED");
    assert_eq!(
        stored(&app).await.revoke_reason.as_deref(),
        Some("user_closed")
    );
}

async fn a_session_of_nobody_is_refused(backend: Backend) {
    let (app, first) = signed_in(backend).await;
    for id in ["", "x", &Uuid::nil().to_string()] {
        let forged = Session {
            id: id.into(),
            ..first.clone()
        };
        assert_eq!(reason(app.refresh(&forged).await), "INVALID_REFRESH_TOKEN");
    }
}

async fn a_session_whose_wrapping_key_is_gone_has_to_sign_in_again(backend: Backend) {
    let (mut app, first) = signed_in(backend).await;
    app.users.sessions.keys = WrappingKeys::new(&[[8; 32], [7; 32]]).unwrap();
    let second = app.refresh(&first).await.unwrap().session.unwrap();
    app.users.sessions.keys = WrappingKeys::new(&[[8; 32]]).unwrap();
    assert_eq!(reason(app.refresh(&second).await), "INVALID_REFRESH_TOKEN");
}
