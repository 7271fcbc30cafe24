//! What happens to a record that comes twice.

use std::sync::Arc;
use std::time::Duration;

use bus::KafkaServer;
use chassis::health::Health;
use chassis::layer::idempotency::MemoryResponses;
use chassis::status::reason_of;
use test_contract::Echo;
use test_contract::echo::ApplyRequest;
use tonic::{Code, Request};

use crate::harness::{Bus, PATIENCE, within};

const APPLY: &str = "/echo.v1.EchoService/Apply";
const CHARGE: &str = "/echo.v1.EchoService/Charge";
const CHARGE_COMMITTED: &str = "/echo.v1.EchoService/ChargeCommitted";

fn apply(id: &str) -> ApplyRequest {
    ApplyRequest {
        id: id.into(),
        ..ApplyRequest::default()
    }
}

fn keyed(message: ApplyRequest) -> Request<ApplyRequest> {
    let mut keyed = Request::new(message);
    let metadata = keyed.metadata_mut();
    metadata.insert("idempotency-key", "k1".parse().unwrap());
    keyed
}

fn responses() -> Arc<MemoryResponses> {
    Arc::new(MemoryResponses::new(100, Duration::from_secs(3600)))
}

pub(crate) async fn a_copy_of_a_call_that_must_not_run_twice_is_passed_over(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    client.charge(apply("once")).await.unwrap();
    let record = bus.raw(&bus.topic(CHARGE), 1).await.remove(0);
    bus.write(&bus.topic(CHARGE), record).await;
    client.charge(apply("after")).await.unwrap();
    assert_eq!(service.ledger.begun("once"), 1);
    bus.finish().await;
}

pub(crate) async fn a_copy_of_a_call_that_may_run_twice_does(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    client.apply(apply("again")).await.unwrap();
    let record = bus.raw(&bus.topic(APPLY), 1).await.remove(0);
    bus.write(&bus.topic(APPLY), record).await;
    within(service.ledger.until(|ledger| ledger.effects("again") == 2)).await;
    bus.finish().await;
}

pub(crate) async fn a_service_without_a_journal_does_not_start(bus: Bus) {
    let mut options = bus.options();
    options.journaled = false;
    let component = Health::default().component("kafka");
    let routes = Echo::default().routes();
    let refused = KafkaServer::start(bus.settings(), bus.contract(), options, routes, component);
    let message = refused.unwrap_err().to_string();
    assert!(message.starts_with(CHARGE), "{message}");
    assert!(!message.contains(CHARGE_COMMITTED), "{message}");
    bus.finish().await;
}

pub(crate) async fn an_offset_is_committed_before_the_call_runs_where_the_contract_says_so(
    bus: Bus,
) {
    let service = Echo::default();
    service.ledger.hold("committed");
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let topic = bus.topic(CHARGE_COMMITTED);
    let call = tokio::spawn(async move { client.charge_committed(apply("committed")).await });
    within(
        service
            .ledger
            .until(|ledger| ledger.begun("committed") == 1),
    )
    .await;
    // The hellos of the channel come before the call.
    let requests = bus.raw(&topic, 1).await.len();
    assert!(bus.committed(&topic).await > i64::try_from(requests).unwrap());
    service.ledger.release("committed");
    within(call).await.unwrap().unwrap();
    bus.finish().await;
}

pub(crate) async fn a_call_with_an_idempotency_key_may_run_again_where_responses_are_kept(
    bus: Bus,
) {
    let service = Echo::default();
    let mut options = bus.options();
    options.replays = true;
    bus.serve_with(&service, None, options).await;
    let mut client = bus.client().await;
    client.charge(keyed(apply("keyed"))).await.unwrap();
    let record = bus.raw(&bus.topic(CHARGE), 1).await.remove(0);
    bus.write(&bus.topic(CHARGE), record).await;
    // The service has it again, and says what it said; here its journal refuses it.
    within(service.ledger.until(|ledger| ledger.begun("keyed") == 2)).await;
    assert_eq!(service.ledger.effects("keyed"), 1);
    bus.finish().await;
}

pub(crate) async fn a_call_sent_again_with_its_key_is_answered_as_before(bus: Bus) {
    let service = Echo::default();
    bus.serve_replaying(&service, &responses()).await;
    let mut client = bus.client().await;
    for _ in 0..2 {
        let answer = client.charge(keyed(apply("once"))).await.unwrap();
        assert_eq!(answer.into_inner().effects, 1);
    }
    assert_eq!(service.ledger.begun("once"), 1);
    let refused = client.charge(keyed(apply("other"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&refused).unwrap(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(service.ledger.begun("other"), 0);
    for effects in 1..=2 {
        let answer = client.charge(apply("without")).await.unwrap();
        assert_eq!(answer.into_inner().effects, effects);
    }
    bus.finish().await;
}

pub(crate) async fn a_server_that_takes_over_answers_what_was_kept_before_it(bus: Bus) {
    let (first, second, responses) = (Echo::default(), Echo::default(), responses());
    let server = bus.serve_replaying(&first, &responses).await;
    let mut client = bus.client().await;
    let kept = client.charge(keyed(apply("once"))).await.unwrap();
    // The record comes again, as it does where its offset was not committed.
    let record = bus.raw(&bus.topic(CHARGE), 1).await.remove(0);
    server.shutdown(PATIENCE).await;
    bus.write(&bus.topic(CHARGE), record).await;
    let server = bus.serve_replaying(&second, &responses).await;
    let again = client.charge(keyed(apply("once"))).await.unwrap();
    assert_eq!(again.into_inner(), kept.into_inner());
    server.shutdown(PATIENCE).await;
    assert_eq!(first.ledger.effects("once"), 1);
    assert_eq!(second.ledger.begun("once"), 0);
    bus.finish().await;
}
