//! What happens to a record that comes twice.

use bus::KafkaServer;
use chassis::health::Health;
use test_contract::Echo;
use test_contract::echo::ApplyRequest;
use tonic::Request;

use crate::harness::{Bus, within};

const APPLY: &str = "/echo.v1.EchoService/Apply";
const CHARGE: &str = "/echo.v1.EchoService/Charge";
const CHARGE_COMMITTED: &str = "/echo.v1.EchoService/ChargeCommitted";

fn apply(id: &str) -> ApplyRequest {
    ApplyRequest {
        id: id.into(),
        ..ApplyRequest::default()
    }
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
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let topic = bus.topic(CHARGE_COMMITTED);
    let call = tokio::spawn(async move {
        let request = ApplyRequest {
            delay_ms: 2000,
            ..apply("committed")
        };
        client.charge_committed(request).await
    });
    within(
        service
            .ledger
            .until(|ledger| ledger.begun("committed") == 1),
    )
    .await;
    // The hellos of the channel come before the call.
    let requests = bus.raw(&topic, 1).await.len();
    assert!(bus.committed(&topic).await > i64::try_from(requests).unwrap());
    assert_eq!(
        service.ledger.effects("committed"),
        0,
        "looked at too late to tell"
    );
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
    let mut keyed = Request::new(apply("keyed"));
    keyed
        .metadata_mut()
        .insert("idempotency-key", "k1".parse().unwrap());
    client.charge(keyed).await.unwrap();
    let record = bus.raw(&bus.topic(CHARGE), 1).await.remove(0);
    bus.write(&bus.topic(CHARGE), record).await;
    // The service has it again, and says what it said; here its journal refuses it.
    within(service.ledger.until(|ledger| ledger.begun("keyed") == 2)).await;
    assert_eq!(service.ledger.effects("keyed"), 1);
    bus.finish().await;
}
