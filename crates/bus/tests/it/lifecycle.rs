//! Starting, stopping, sharing.

use std::sync::Arc;
use std::time::Duration;

use bus::KafkaChannel;
use chassis::contract::Contract;
use chassis::health::{Health, State};
use test_contract::echo::EchoRequest;
use test_contract::{ECHO, Echo};
use tonic::Code;

use crate::calls::echo;
use crate::harness::{Bus, PATIENCE, within};

pub(crate) async fn a_stopped_server_leaves_nothing_undone_to_the_next(bus: Bus) {
    let service = Echo::default();
    let server = bus.serve(&service).await;
    let client = bus.client().await;
    let request = EchoRequest {
        delay_ms: 500,
        ..echo("slow")
    };
    let mut slow = client.clone();
    let slow = tokio::spawn(async move { slow.echo_late(request).await });
    within(service.ledger.until(|ledger| ledger.begun("slow") == 1)).await;
    server.shutdown(PATIENCE).await;
    within(slow).await.unwrap().unwrap();
    assert_eq!(server.in_flight(), 0);
    // What comes while nobody serves waits for the next server, and what was done is not done again. It
    // has the time to outlast a change of its service's group: the embedded broker waits for the session
    // timeout less a second, which is the usual deadline, and again for each member that comes or goes.
    let mut waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.echo_late(echo("waits")).await });
    bus.serve(&service).await;
    within(waiting).await.unwrap().unwrap();
    let ledger = &service.ledger;
    assert_eq!((ledger.begun("slow"), ledger.begun("waits")), (1, 1));
    bus.finish().await;
}

pub(crate) async fn a_missing_topic_is_named_until_it_appears(bus: Bus) {
    let contract = Contract::read(test_contract::echo::descriptors(), &[ECHO]).unwrap();
    let missing = format!("{}.missing.", bus.app);
    let contract = Arc::new(contract.with_topics(|topic| format!("{missing}{topic}")));
    let health = Health::default();
    let component = health.component("kafka");
    let channel =
        KafkaChannel::start(bus.settings(), Arc::clone(&contract), &bus.app, component).unwrap();
    let mut states = health.subscribe();
    let named = |state: &State| matches!(state, State::Down(why) if why.contains("topics apply"));
    let states = within(states.wait_for(|states| states.values().any(named))).await;
    let reason = format!("{:?}", *states.unwrap());
    assert!(
        reason.contains(&format!("{missing}echo.append")),
        "{reason}"
    );
    let status = test_contract::echo::echo_service_client::EchoServiceClient::new(channel.clone())
        .echo(echo("early"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    for topic in bus::topics::plan(&contract, &[], 1) {
        bus.create(&topic).await;
    }
    within(health.ready()).await;
    channel.shutdown().await;
    bus.finish().await;
}

pub(crate) async fn calls_go_on_while_servers_come_and_go(bus: Bus) {
    let service = Echo::default();
    let mut serving = bus.serve(&service).await;
    let client = bus.client().await;
    // Each outlasts a change of its service's group, as above.
    let calls: Vec<_> = (0..8)
        .map(|lane| {
            let mut client = client.clone();
            let requests: Vec<_> = (0..60)
                .map(|number| EchoRequest {
                    delay_ms: 5,
                    ..echo(&format!("{lane}-{number}"))
                })
                .collect();
            tokio::spawn(async move {
                for request in requests {
                    let text = request.text.clone();
                    let answer = client.echo_late(request).await.unwrap();
                    assert_eq!(answer.into_inner().text, text);
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let next = bus.serve(&service).await;
        serving.shutdown(Duration::from_secs(5)).await;
        serving = next;
    }
    for call in calls {
        within(call).await.unwrap();
    }
    bus.finish().await;
}

pub(crate) async fn a_channel_that_ends_ends_its_calls(bus: Bus) {
    let channel = bus.channel().await;
    let mut client =
        test_contract::echo::echo_service_client::EchoServiceClient::new(channel.clone());
    let call = tokio::spawn(async move { client.echo(echo("nobody")).await });
    within(async {
        while channel.pending() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    channel.inner().shutdown().await;
    let status = within(call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    bus.finish().await;
}

#[cfg(feature = "real")]
pub(crate) async fn a_member_whose_instance_id_is_taken_goes_on(bus: Bus) {
    let (first, second) = (Echo::default(), Echo::default());
    bus.serve_with(&first, Some("one"), bus.options()).await;
    let taker = bus.serve_with(&second, Some("one"), bus.options()).await;
    let mut client = bus.client().await;
    client.echo(echo("7")).await.unwrap();
    taker.shutdown(Duration::from_secs(5)).await;
    // Until the group has noticed that the taker left, calls may end by their deadline.
    within(async { while client.echo(echo("8")).await.is_err() {} }).await;
    assert!(first.ledger.begun("8") > 0);
    bus.finish().await;
}
