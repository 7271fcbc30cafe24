use proto::user::v1::{FindRequest, Session, User};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, EntityTrait as _, IntoActiveModel as _};
use token::Identity;
use tonic::{Request, Status};
use user::deps::Clock as _;
use user::entity::user as users;
use uuid::Uuid;

use crate::harness::{Backend, PASSWORD, TestApp, reason};

crate::on_each_database! {
    a_caller_reads_itself,
    nobody_reads_another_but_an_admin,
    a_deleted_user_is_not_found,
    a_caller_whose_session_was_ended_is_refused,
}

async fn find(app: &TestApp, caller: &User, roles: &[&str], id: &str) -> Result<User, Status> {
    find_in(app, caller, Uuid::nil(), roles, id).await
}

async fn find_in(
    app: &TestApp,
    caller: &User,
    session_id: Uuid,
    roles: &[&str],
    id: &str,
) -> Result<User, Status> {
    let mut request = Request::new(FindRequest { id: id.into() });
    request.extensions_mut().insert(Identity {
        user_id: caller.id.parse().unwrap(),
        session_id,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        scopes: Vec::new(),
        auth_epoch: 1,
    });
    app.users
        .find(request)
        .await
        .map(|answer| answer.user.unwrap())
        .map_err(Status::from)
}

async fn a_caller_reads_itself(backend: Backend) {
    let app = TestApp::new(backend).await;
    let ada = app.register("ada@example.com").await.unwrap().user.unwrap();
    assert_eq!(find(&app, &ada, &[], "").await.unwrap(), ada);
    assert_eq!(find(&app, &ada, &[], &ada.id).await.unwrap(), ada);
    let nobody = app
        .users
        .find(Request::new(FindRequest { id: ada.id }))
        .await;
    assert_eq!(reason(nobody.map_err(Status::from)), "UNAUTHENTICATED");
}

async fn nobody_reads_another_but_an_admin(backend: Backend) {
    let app = TestApp::new(backend).await;
    let ada = app.register("ada@example.com").await.unwrap().user.unwrap();
    let bob = app.register("bob@example.com").await.unwrap().user.unwrap();
    assert_eq!(
        reason(find(&app, &ada, &[], &bob.id).await),
        "PERMISSION_DENIED"
    );
    assert_eq!(find(&app, &ada, &["admin"], &bob.id).await.unwrap(), bob);
    let nobody = Uuid::nil().to_string();
    assert_eq!(
        reason(find(&app, &ada, &[], &nobody).await),
        "PERMISSION_DENIED"
    );
    assert_eq!(
        reason(find(&app, &ada, &["admin"], &nobody).await),
        "USER_NOT_FOUND"
    );
}

async fn a_deleted_user_is_not_found(backend: Backend) {
    let app = TestApp::new(backend).await;
    let ada = app.register("ada@example.com").await.unwrap().user.unwrap();
    let stored = users::Entity::find().one(app.db()).await.unwrap().unwrap();
    let mut stored = stored.into_active_model();
    stored.deleted_at = Set(Some(app.clock.now()));
    stored.update(app.db()).await.unwrap();
    assert_eq!(reason(find(&app, &ada, &[], "").await), "USER_NOT_FOUND");
}

async fn a_caller_whose_session_was_ended_is_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let registered = app.register("ada@example.com").await.unwrap();
    let (ada, first) = (registered.user.unwrap(), registered.session.unwrap());
    let other = app.validate("ada@example.com", PASSWORD).await.unwrap();
    let session = |session: &Session| session.id.parse().unwrap();
    let (ended, open) = (session(&first), session(&other.session.unwrap()));
    let second = app.refresh(&first).await.unwrap().session.unwrap();
    app.refresh(&second).await.unwrap();
    assert_eq!(find_in(&app, &ada, ended, &[], "").await.unwrap(), ada);

    assert_eq!(reason(app.refresh(&first).await), "SESSION_REVOKED");

    let refused = find_in(&app, &ada, ended, &[], "").await;
    assert_eq!(reason(refused), "SESSION_REVOKED");
    assert_eq!(find_in(&app, &ada, open, &[], "").await.unwrap(), ada);
}
