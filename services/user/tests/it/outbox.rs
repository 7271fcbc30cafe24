//! The relay, against a broker that refuses, stalls and dies.

mod broker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::shutdown::Shutdown;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _, QueryOrder as _};
use user::database;
use user::deps::{Clock as _, Deps};
use user::entity::outbox::{Column, Entity, Model};
use user::outbox::relay::Turn;
use user::outbox::{EventPublisher, OutboxRecord, Relay, RelaySettings, purge};
use user::session::{self, DEFAULT_LIFETIME};
use uuid::Uuid;

use crate::harness::{Backend, TestApp};
use broker::Broker;

crate::on_each_database! {
    an_event_is_published_byte_for_byte_and_once,
    a_refused_event_waits_and_holds_back_its_key_alone,
    a_row_that_is_no_event_holds_back_its_key_alone,
    two_relays_publish_each_event_once_and_in_order,
    events_of_a_dead_relay_are_published_when_its_lease_ends,
    a_slow_broker_does_not_outlast_the_lease,
    a_commit_wakes_the_relay_and_a_stop_finishes_the_batch,
    a_broker_that_comes_back_gets_what_it_missed,
    published_events_are_purged_when_they_are_old,
    expired_sessions_are_purged_when_they_are_old,
}

fn relay<P: EventPublisher>(app: &TestApp, publisher: P) -> Relay<P> {
    let poke = Arc::clone(&app.users.poke);
    let settings = RelaySettings {
        batch: 10,
        ..RelaySettings::default()
    };
    Relay::new(
        app.db().clone(),
        app.users.deps.clone(),
        publisher,
        poke,
        settings,
    )
}

async fn write(app: &TestApp, key: &str) -> Uuid {
    let now = app.clock.now();
    let id = app.users.deps.ids.id(now);
    let row = Model {
        id,
        aggregatetype: "user".into(),
        aggregateid: key.into(),
        r#type: "/notification.v1.NotificationService/SendWelcome".into(),
        payload: vec![0, 255],
        topic: "notification.send.welcome".into(),
        partition_key: key.into(),
        headers: "[]".into(),
        created_at: now,
        available_at: now,
        attempts: 0,
        lease_owner: None,
        lease_until: None,
        published_at: None,
        last_error: None,
    };
    row.into_active_model().insert(app.db()).await.unwrap();
    id
}

async fn rows(app: &TestApp) -> Vec<Model> {
    Entity::find()
        .order_by_asc(Column::Id)
        .all(app.db())
        .await
        .unwrap()
}

async fn an_event_is_published_byte_for_byte_and_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    let user = app.register("ada@example.com").await.unwrap().user.unwrap();
    let row = rows(&app).await.remove(0);
    let broker = Broker::default();
    let relay = relay(&app, broker.clone());
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(
        relay.turn().await.unwrap(),
        Turn {
            published: 1,
            ..Turn::default()
        }
    );
    assert_eq!(relay.turn().await.unwrap(), Turn::default());
    let expected = OutboxRecord {
        id: row.id,
        kind: "/notification.v1.NotificationService/SendWelcome".into(),
        topic: "notification.send.welcome".into(),
        key: user.id,
        headers: vec![("ce_id".into(), row.id.to_string().into_bytes())],
        value: row.payload,
        created_ms: row.created_at.as_millis(),
    };
    assert_eq!(broker.sent(), [expected]);
    let row = rows(&app).await.remove(0);
    assert_eq!(row.published_at, Some(app.clock.now()));
    assert_eq!((row.lease_owner, row.lease_until), (None, None));
}

async fn a_refused_event_waits_and_holds_back_its_key_alone(backend: Backend) {
    let app = TestApp::new(backend).await;
    let (a1, b1, a2) = (
        write(&app, "a").await,
        write(&app, "b").await,
        write(&app, "a").await,
    );
    let broker = Broker::default();
    broker.refuse("a");
    let relay = relay(&app, broker.clone());
    let turn = relay.turn().await.unwrap();
    assert_eq!(
        turn,
        Turn {
            published: 1,
            failed: 1,
            released: 1
        }
    );
    assert_eq!(broker.ids(), [b1]);
    let first = rows(&app).await.remove(0);
    assert_eq!((first.id, first.attempts), (a1, 1));
    assert_eq!(first.last_error.as_deref(), Some("the broker refused"));
    assert_eq!(
        first.available_at,
        app.clock.now() + Duration::from_millis(200)
    );

    // Neither is due: the second waits for the first.
    assert_eq!(relay.turn().await.unwrap(), Turn::default());
    app.clock.advance(Duration::from_millis(200));
    assert_eq!(relay.turn().await.unwrap().failed, 1);
    let first = rows(&app).await.remove(0);
    assert_eq!(first.attempts, 2);
    assert_eq!(
        first.available_at,
        app.clock.now() + Duration::from_millis(400)
    );

    broker.0.refused.lock().unwrap().clear();
    app.clock.advance(Duration::from_millis(400));
    assert_eq!(relay.turn().await.unwrap().published, 2);
    assert_eq!(broker.ids(), [b1, a1, a2]);
    assert!(
        rows(&app)
            .await
            .iter()
            .all(|row| row.published_at.is_some())
    );
}

async fn a_row_that_is_no_event_holds_back_its_key_alone(backend: Backend) {
    let app = TestApp::new(backend).await;
    let broken = write(&app, "a").await;
    let whole = write(&app, "b").await;
    let row = rows(&app).await.remove(0);
    assert_eq!(row.id, broken);
    let mut row = row.into_active_model();
    row.headers = sea_orm::ActiveValue::Set("{".into());
    row.update(app.db()).await.unwrap();
    let broker = Broker::default();
    let turn = relay(&app, broker.clone()).turn().await.unwrap();
    assert_eq!(
        turn,
        Turn {
            published: 1,
            failed: 1,
            released: 0
        }
    );
    assert_eq!(broker.ids(), [whole]);
    let error = rows(&app).await.remove(0).last_error.unwrap();
    assert!(error.contains("headers of outbox row"), "{error}");
}

async fn two_relays_publish_each_event_once_and_in_order(backend: Backend) {
    let app = TestApp::new(backend).await;
    let mut order: HashMap<String, Vec<Uuid>> = HashMap::new();
    for number in 0..100 {
        let key = format!("k{}", number % 7);
        let id = write(&app, &key).await;
        order.entry(key).or_default().push(id);
    }
    let broker = Broker::default();
    let (one, mut two) = (relay(&app, broker.clone()), app.users.clone());
    two.db = database::connect(&app.database.database).await.unwrap();
    let poke = Arc::clone(&two.poke);
    let settings = RelaySettings {
        batch: 3,
        ..RelaySettings::default()
    };
    let two = Relay::new(two.db, two.deps, broker.clone(), poke, settings);
    let drain = async |relay: Relay<Broker>| {
        while Entity::find()
            .all(app.db())
            .await
            .unwrap()
            .iter()
            .any(|r| r.published_at.is_none())
        {
            relay.turn().await.unwrap();
        }
    };
    tokio::join!(drain(one), drain(two));
    let mut published: HashMap<String, Vec<Uuid>> = HashMap::new();
    for record in broker.sent() {
        published.entry(record.key).or_default().push(record.id);
    }
    assert_eq!(published, order);
}

/// A broker that never answers.
struct Stalled;

impl EventPublisher for Stalled {
    async fn publish(&self, _: OutboxRecord) -> Result<(), String> {
        std::future::pending().await
    }
}

async fn events_of_a_dead_relay_are_published_when_its_lease_ends(backend: Backend) {
    let app = TestApp::new(backend).await;
    let id = write(&app, "a").await;
    let dead = relay(&app, Stalled);
    let stalled = tokio::spawn(async move { dead.turn().await });
    while rows(&app).await[0].lease_owner.is_none() {
        tokio::task::yield_now().await;
    }
    stalled.abort();
    assert!(stalled.await.unwrap_err().is_cancelled());
    // A younger event of the same key waits too.
    write(&app, "a").await;
    let broker = Broker::default();
    let relay = relay(&app, broker.clone());
    assert_eq!(relay.turn().await.unwrap(), Turn::default());
    app.clock.advance(RelaySettings::default().lease);
    assert_eq!(relay.turn().await.unwrap().published, 2);
    assert_eq!(broker.ids()[0], id);
}

/// A broker that takes a lease's time for each event.
struct Slow(Arc<TestApp>);

impl EventPublisher for Slow {
    async fn publish(&self, _: OutboxRecord) -> Result<(), String> {
        self.0.clock.advance(RelaySettings::default().lease / 2);
        Ok(())
    }
}

async fn a_slow_broker_does_not_outlast_the_lease(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    for _ in 0..3 {
        write(&app, "a").await;
    }
    let relay = relay(&app, Slow(Arc::clone(&app)));
    let turn = relay.turn().await.unwrap();
    assert_eq!(
        turn,
        Turn {
            published: 1,
            failed: 0,
            released: 2
        }
    );
}

async fn a_commit_wakes_the_relay_and_a_stop_finishes_the_batch(backend: Backend) {
    let app = TestApp::new(backend).await;
    let broker = Broker::default();
    let settings = RelaySettings {
        poll: Duration::from_secs(3600),
        ..RelaySettings::default()
    };
    let (db, deps) = (app.db().clone(), app.users.deps.clone());
    let relay = Relay::new(
        db,
        deps,
        broker.clone(),
        Arc::clone(&app.users.poke),
        settings,
    );
    let shutdown = Shutdown::default();
    let running = tokio::spawn(relay.run(shutdown.clone()));
    for email in ["ada@example.com", "bob@example.com"] {
        app.register(email).await.unwrap();
        broker.0.arrived.notified().await;
    }
    shutdown.begin();
    running.await.unwrap();
    assert_eq!(broker.sent().len(), 2);
    assert!(
        rows(&app)
            .await
            .iter()
            .all(|row| row.published_at.is_some())
    );
}

async fn a_broker_that_comes_back_gets_what_it_missed(backend: Backend) {
    let app = TestApp::new(backend).await;
    let id = write(&app, "a").await;
    let broker = Broker::default();
    broker.refuse("a");
    let (db, poke) = (app.db().clone(), Arc::clone(&app.users.poke));
    // The pause before the next attempt passes by itself.
    let settings = RelaySettings::default();
    let relay = Relay::new(db, Deps::system(), broker.clone(), poke, settings);
    let shutdown = Shutdown::default();
    let running = tokio::spawn(relay.run(shutdown.clone()));
    broker.0.turned_away.notified().await;
    broker.0.refused.lock().unwrap().clear();
    broker.0.arrived.notified().await;
    shutdown.begin();
    running.await.unwrap();
    assert_eq!(broker.ids(), [id]);
    assert_eq!(rows(&app).await[0].attempts, 1);
}

async fn published_events_are_purged_when_they_are_old(backend: Backend) {
    let app = TestApp::new(backend).await;
    write(&app, "old").await;
    let relay = relay(&app, Broker::default());
    relay.turn().await.unwrap();
    app.clock.advance(purge::KEPT_FOR);
    write(&app, "new").await;
    relay.turn().await.unwrap();
    write(&app, "pending").await;
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(
        purge::everything_old(app.db(), &*app.clock).await.unwrap(),
        1
    );
    let left: Vec<String> = rows(&app)
        .await
        .into_iter()
        .map(|row| row.partition_key)
        .collect();
    assert_eq!(left, ["new", "pending"]);
}

async fn expired_sessions_are_purged_when_they_are_old(backend: Backend) {
    let app = TestApp::new(backend).await;
    app.register("ada@example.com").await.unwrap();
    app.clock
        .advance(DEFAULT_LIFETIME + session::purge::KEPT_FOR);
    assert_eq!(
        purge::everything_old(app.db(), &*app.clock).await.unwrap(),
        0
    );
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(
        purge::everything_old(app.db(), &*app.clock).await.unwrap(),
        1
    );
    let left = user::entity::session::Entity::find()
        .one(app.db())
        .await
        .unwrap();
    assert_eq!(left, None);
}
