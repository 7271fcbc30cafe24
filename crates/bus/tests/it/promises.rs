//! What a caller and a service may rely on.

use std::time::{Duration, Instant};

use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::notification::v1::{SendEmailRequest, SendWelcomeRequest};
use proto::user::v1::*;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::harness::{Broker, NOTIFICATION, TestService, client, within};

fn find(id: &str) -> FindRequest {
    FindRequest { id: id.into() }
}

pub(crate) async fn a_call_is_answered(broker: Broker) {
    let service = TestService::default();
    let server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let answer = client(&channel).find(find("7")).await.unwrap().into_inner();
    assert_eq!(answer.user.unwrap().id, "7");
    assert_eq!(service.times("7"), 1);
    assert_eq!(channel.pending(), 0);
    channel.shutdown().await;
    server.shutdown(Duration::from_secs(5)).await;
}

pub(crate) async fn an_error_keeps_its_code_message_and_details(broker: Broker) {
    let _server = broker.serve(&TestService::default()).await;
    let channel = broker.channel().await;
    let status = client(&channel)
        .refresh_session(RefreshSessionRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), "revoked: \"ä\" 100%\n");
    assert_eq!(
        status.get_details_error_info().unwrap().reason,
        "SESSION_REVOKED"
    );
}

pub(crate) async fn a_call_without_a_service_ends_by_its_deadline(broker: Broker) {
    let channel = broker.channel().await;
    let mut request = Request::new(find("7"));
    request.set_timeout(Duration::from_millis(300));
    let begun = Instant::now();
    let status = client(&channel).find(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(channel.pending(), 0);
}

pub(crate) async fn a_panic_is_an_internal_error_and_the_next_call_is_answered(broker: Broker) {
    let _server = broker.serve(&TestService::default()).await;
    let channel = broker.channel().await;
    let status = client(&channel).find(find("panic:1")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("as asked"), "{status:?}");
    client(&channel).find(find("7")).await.unwrap();
}

pub(crate) async fn an_event_is_handled_again_until_it_succeeds(broker: Broker) {
    let service = TestService::default();
    let server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let welcome = SendWelcomeRequest {
        name: "Ada".into(),
        ..SendWelcomeRequest::default()
    };
    NotificationServiceClient::new(channel.clone())
        .send_welcome(welcome)
        .await
        .unwrap();
    service.reaches("Ada", 3).await;
    server.shutdown(Duration::from_secs(5)).await;
    assert_eq!(service.times("Ada"), 3);
}

pub(crate) async fn an_event_that_cannot_be_handled_is_set_aside_byte_for_byte(broker: Broker) {
    let service = TestService::default();
    let _server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let mail = SendEmailRequest {
        to: "nobody".into(),
        ..SendEmailRequest::default()
    };
    NotificationServiceClient::new(channel.clone())
        .send_email(mail)
        .await
        .unwrap();
    let topic = broker.topic(&format!("/{NOTIFICATION}/SendEmail"));
    let sent = broker.raw(&topic, 1).await.remove(0);
    let dead = broker.raw(&format!("{topic}.dlq"), 1).await.remove(0);
    assert_eq!(
        (&dead.value, &dead.key, dead.time_ms),
        (&sent.value, &sent.key, sent.time_ms)
    );
    assert_eq!(dead.headers[..sent.headers.len()], sent.headers[..]);
    assert_eq!(dead.text("kafka_dlt-original-topic"), topic);
    assert_eq!(dead.text("kafka_dlt-exception-message"), "no such mailbox");
    assert_eq!(service.times("nobody"), 1);
}

pub(crate) async fn many_calls_at_once_each_get_their_own_answer(broker: Broker) {
    let _server = broker.serve(&TestService::default()).await;
    let channel = broker.channel().await;
    let calls = (0..300).map(|number| {
        let mut client = client(&channel);
        tokio::spawn(async move {
            let id = number.to_string();
            let answer = client.find(find(&id)).await.unwrap().into_inner();
            assert_eq!(answer.user.unwrap().id, id);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        within(call).await.unwrap();
    }
    assert_eq!(channel.pending(), 0);
}

pub(crate) async fn metadata_travels_both_ways(broker: Broker) {
    let _server = broker.serve(&TestService::default()).await;
    let channel = broker.channel().await;
    let mut request = Request::new(ValidateRequest::default());
    request
        .metadata_mut()
        .insert("accept-language", "sv".parse().unwrap());
    request
        .metadata_mut()
        .insert("authorization", "Bearer x".parse().unwrap());
    let response = client(&channel).validate(request).await.unwrap();
    assert_eq!(response.metadata().get("x-language").unwrap(), "sv");
    assert_eq!(
        response.metadata().get("x-authorization").unwrap(),
        "Bearer x"
    );
}

pub(crate) async fn a_message_over_the_limit_is_refused_before_it_is_sent(broker: Broker) {
    let service = TestService::default();
    let _server = broker.serve(&service).await;
    let channel = broker.channel().await;
    // Five bytes are the field's tag and length.
    let largest = "x".repeat(broker.settings().message_limit - 4);
    client(&channel).find(find(&largest)).await.unwrap();
    let larger = format!("{largest}x");
    let status = client(&channel).find(find(&larger)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(service.times(&larger), 0);
}

pub(crate) async fn a_slow_handler_does_not_hold_up_others(broker: Broker) {
    let service = TestService::default();
    let _server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let slow = tokio::spawn({
        let mut client = client(&channel);
        async move { client.find(find("slow:3000")).await.map(|_| Instant::now()) }
    });
    service.reaches("slow:3000", 1).await;
    client(&channel).find(find("7")).await.unwrap();
    let quick_ended = Instant::now();
    assert!(quick_ended < within(slow).await.unwrap().unwrap());
}

pub(crate) async fn nothing_pends_after_a_call_is_dropped(broker: Broker) {
    let service = TestService::default();
    let _server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let call = tokio::spawn({
        let mut client = client(&channel);
        async move { client.find(find("slow:2000")).await }
    });
    service.reaches("slow:2000", 1).await;
    assert_eq!(channel.pending(), 1);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(channel.pending(), 0);
}

pub(crate) async fn a_stopped_server_leaves_nothing_undone_to_the_next(broker: Broker) {
    let service = TestService::default();
    let server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let slow = tokio::spawn({
        let mut client = client(&channel);
        async move { client.find(find("slow:500")).await }
    });
    service.reaches("slow:500", 1).await;
    server.shutdown(Duration::from_secs(5)).await;
    within(slow).await.unwrap().unwrap();
    assert_eq!(server.in_flight(), 0);
    // What comes while nobody serves waits for the next server, and what was done is not done again.
    let waiting = tokio::spawn({
        let mut client = client(&channel);
        async move { client.find(find("7")).await }
    });
    let _next = broker.serve(&service).await;
    within(waiting).await.unwrap().unwrap();
    assert_eq!((service.times("slow:500"), service.times("7")), (1, 1));
}

pub(crate) async fn a_stop_does_not_wait_for_an_event_that_waits(broker: Broker) {
    let service = TestService::default();
    let server = broker.serve(&service).await;
    let channel = broker.channel().await;
    let welcome = SendWelcomeRequest {
        name: "never".into(),
        ..SendWelcomeRequest::default()
    };
    NotificationServiceClient::new(channel.clone())
        .send_welcome(welcome)
        .await
        .unwrap();
    service.reaches("never", 4).await;
    let begun = Instant::now();
    server.shutdown(Duration::from_secs(60)).await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(server.in_flight(), 0);
    // It was left uncommitted: the next server takes it up.
    let before = service.times("never");
    let _next = broker.serve(&service).await;
    service.reaches("never", before + 1).await;
}

#[cfg(feature = "real")]
pub(crate) async fn a_member_whose_instance_id_is_taken_goes_on(broker: Broker) {
    let (first, second) = (TestService::default(), TestService::default());
    let _expelled = broker.serve_as(&first, Some("one")).await;
    let taker = broker.serve_as(&second, Some("one")).await;
    let channel = broker.channel().await;
    client(&channel).find(find("7")).await.unwrap();
    taker.shutdown(Duration::from_secs(5)).await;
    // Until the group has noticed that the taker left, calls may end by their deadline.
    within(async { while client(&channel).find(find("8")).await.is_err() {} }).await;
    assert!(first.times("8") > 0);
}
