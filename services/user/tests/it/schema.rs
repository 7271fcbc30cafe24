use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use user::database;
use user::entity::{call_journal, outbox, session, user as users, user_credential, user_role};
use user::password::PasswordHash;
use user::schema;
use user::session::WrappedKey;
use user::timestamp::Timestamp;
use uuid::Uuid;

use crate::harness::{Backend, TestDatabase};

crate::on_each_database! {
    a_fresh_database_passes_the_check_after_migration,
    two_migrations_at_once_apply_each_migration_once,
    every_table_gives_back_what_was_put_in,
}

async fn a_fresh_database_passes_the_check_after_migration(backend: Backend) {
    let test = TestDatabase::empty(backend).await;
    let error = schema::check(&test.db).await.unwrap_err().to_string();
    assert!(error.contains("run trolleybus-user migrate"), "{error}");
    schema::migrate(&test.db).await.unwrap();
    schema::check(&test.db).await.unwrap();
    schema::migrate(&test.db).await.unwrap();
}

async fn two_migrations_at_once_apply_each_migration_once(backend: Backend) {
    let test = TestDatabase::empty(backend).await;
    let other = database::connect(&test.database).await.unwrap();
    let (one, two) = tokio::join!(schema::migrate(&test.db), schema::migrate(&other));
    one.unwrap();
    two.unwrap();
    schema::check(&test.db).await.unwrap();
}

async fn every_table_gives_back_what_was_put_in(backend: Backend) {
    let test = TestDatabase::new(backend).await;
    let now = Timestamp(1_763_856_000_123);
    let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
    let user = users::Model {
        id,
        email: "Ada@Bücher.example".into(),
        email_canonical: "ada@xn--bcher-kva.example".into(),
        email_verified_at: Some(now),
        phone_e164: Some("+4930123456".into()),
        name: "Ada \u{1f68e} Lovelace".into(),
        locale: Some("de-AT".into()),
        status: users::Status::Disabled,
        auth_epoch: i64::MAX,
        version: 1,
        created_at: now,
        updated_at: Timestamp(i64::MIN),
        deleted_at: None,
    };
    user.clone()
        .into_active_model()
        .insert(&test.db)
        .await
        .unwrap();
    assert_eq!(
        users::Entity::find_by_id(id).one(&test.db).await.unwrap(),
        Some(user)
    );

    let credential = user_credential::Model {
        user_id: id,
        password_hash: PasswordHash("$argon2id$".into()),
        scheme: "argon2id".into(),
        changed_at: now,
    };
    credential
        .clone()
        .into_active_model()
        .insert(&test.db)
        .await
        .unwrap();
    let read = user_credential::Entity::find_by_id(id)
        .one(&test.db)
        .await
        .unwrap();
    assert_eq!(read, Some(credential));

    let role = user_role::Model {
        user_id: id,
        role: "admin".into(),
        granted_at: now,
    };
    role.clone()
        .into_active_model()
        .insert(&test.db)
        .await
        .unwrap();
    let read = user_role::Entity::find_by_id((id, "admin".into()))
        .one(&test.db)
        .await
        .unwrap();
    assert_eq!(read, Some(role));

    let session = session::Model {
        id,
        user_id: id,
        refresh_gen: 1,
        refresh_key: WrappedKey(vec![0, 255, 1]),
        rotated_at: now,
        successor_used_at: None,
        created_at: now,
        last_seen_at: now,
        idle_expires_at: now,
        expires_at: now,
        revoked_at: Some(now),
        revoke_reason: Some("logout".into()),
        ip: Some("2001:db8::1".into()),
        user_agent: Some("curl".into()),
    };
    session
        .clone()
        .into_active_model()
        .insert(&test.db)
        .await
        .unwrap();
    assert_eq!(
        session::Entity::find_by_id(id).one(&test.db).await.unwrap(),
        Some(session)
    );

    let event = outbox::Model {
        id,
        aggregatetype: "user".into(),
        aggregateid: id.to_string(),
        r#type: "/notification.v1.NotificationService/SendWelcome".into(),
        payload: (0..=255).collect(),
        topic: "notification.send.welcome".into(),
        partition_key: id.to_string(),
        headers: "[]".into(),
        created_at: now,
        available_at: now,
        attempts: 3,
        lease_owner: Some(id),
        lease_until: Some(now),
        published_at: None,
        last_error: Some("refused".into()),
    };
    event
        .clone()
        .into_active_model()
        .insert(&test.db)
        .await
        .unwrap();
    assert_eq!(
        outbox::Entity::find_by_id(id).one(&test.db).await.unwrap(),
        Some(event)
    );

    let call = call_journal::Model {
        call_id: "c1".into(),
        created_at: now,
    };
    call.clone()
        .into_active_model()
        .insert(&test.db)
        .await
        .unwrap();
    let read = call_journal::Entity::find_by_id("c1")
        .one(&test.db)
        .await
        .unwrap();
    assert_eq!(read, Some(call));

    // Ending a user ends what belongs to it; its events stay.
    users::Entity::delete_by_id(id)
        .exec(&test.db)
        .await
        .unwrap();
    assert!(
        session::Entity::find()
            .all(&test.db)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        user_credential::Entity::find()
            .all(&test.db)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        user_role::Entity::find()
            .all(&test.db)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(outbox::Entity::find().all(&test.db).await.unwrap().len(), 1);
}
