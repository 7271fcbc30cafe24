use std::sync::Arc;
use std::time::Duration;

use chassis::layer::idempotency::{Attempt, Claim, Responses as _};
use sea_orm::EntityTrait as _;
use tonic::codegen::Bytes;
use user::deps::Clock;
use user::entity::idempotency_key;
use user::idempotency_keys::{self, KEPT_FOR, StoredResponses};

use crate::harness::{Backend, TestApp};

crate::on_each_database! {
    one_attempt_runs_and_the_others_get_its_response,
    a_claim_ends_with_its_release_or_its_lease,
    of_many_attempts_at_once_one_is_told_to_run,
    old_keys_are_purged_in_batches,
}

const LEASE: Duration = Duration::from_secs(10);

fn attempt(key: &str, body: &str) -> Attempt {
    Attempt::new("ada", "/a.v1.A/B", key, body.as_bytes()).unwrap()
}

fn responses(app: &TestApp) -> StoredResponses {
    let clock = Arc::clone(&app.clock) as Arc<dyn Clock>;
    StoredResponses::new(app.db().clone(), clock)
}

async fn claim(responses: &StoredResponses, attempt: &Attempt) -> Claim {
    responses.claim(attempt, LEASE).await.unwrap()
}

fn response() -> Bytes {
    Bytes::from_static(b"an\0swer")
}

async fn one_attempt_runs_and_the_others_get_its_response(backend: Backend) {
    let app = TestApp::new(backend).await;
    let responses = responses(&app);
    let (first, second, other) = (attempt("k", "a"), attempt("k", "a"), attempt("k", "b"));
    assert_eq!(claim(&responses, &first).await, Claim::Run);
    assert_eq!(claim(&responses, &second).await, Claim::Running);
    assert_eq!(claim(&responses, &other).await, Claim::Mismatch);
    responses.keep(&first, response()).await.unwrap();
    // Settled is settled.
    responses.release(&first).await.unwrap();
    app.clock.advance(LEASE);
    assert_eq!(claim(&responses, &second).await, Claim::Replay(response()));
    assert_eq!(claim(&responses, &other).await, Claim::Mismatch);
    app.clock.advance(KEPT_FOR);
    assert_eq!(claim(&responses, &other).await, Claim::Run);
    assert_eq!(claim(&responses, &first).await, Claim::Mismatch);
}

async fn a_claim_ends_with_its_release_or_its_lease(backend: Backend) {
    let app = TestApp::new(backend).await;
    let responses = responses(&app);
    let (first, second) = (attempt("k", "a"), attempt("k", "a"));
    assert_eq!(claim(&responses, &first).await, Claim::Run);
    responses.release(&first).await.unwrap();
    assert_eq!(claim(&responses, &first).await, Claim::Run);
    app.clock.advance(LEASE);
    assert_eq!(claim(&responses, &second).await, Claim::Run);
    // The first has lost it.
    responses.keep(&first, response()).await.unwrap();
    responses.release(&first).await.unwrap();
    assert_eq!(claim(&responses, &first).await, Claim::Running);
}

async fn of_many_attempts_at_once_one_is_told_to_run(backend: Backend) {
    let app = TestApp::new(backend).await;
    let responses = responses(&app);
    let attempts = (0..16).map(|_| {
        let responses = responses.clone();
        tokio::spawn(async move { claim(&responses, &attempt("k", "a")).await })
    });
    let mut told = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        told.push(attempt.await.unwrap());
    }
    let run = told.iter().filter(|told| **told == Claim::Run).count();
    let running = told.iter().filter(|told| **told == Claim::Running).count();
    assert_eq!((run, running), (1, 15));
}

async fn old_keys_are_purged_in_batches(backend: Backend) {
    let app = TestApp::new(backend).await;
    let responses = responses(&app);
    for key in ["a", "b", "c"] {
        let attempt = attempt(key, "");
        assert_eq!(claim(&responses, &attempt).await, Claim::Run);
        responses.keep(&attempt, response()).await.unwrap();
    }
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(claim(&responses, &attempt("d", "")).await, Claim::Run);
    let young = attempt("e", "");
    assert_eq!(claim(&responses, &young).await, Claim::Run);
    responses.keep(&young, response()).await.unwrap();
    app.clock.advance(KEPT_FOR);
    let purge = |batch| idempotency_keys::purge(app.db(), app.clock.now(), batch);
    assert_eq!(purge(2).await.unwrap(), 2);
    assert_eq!(purge(10).await.unwrap(), 2);
    let left = idempotency_key::Entity::find().all(app.db()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, young.id);
}
