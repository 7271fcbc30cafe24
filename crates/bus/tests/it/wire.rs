//! The records, as docs/wire.md describes them.

use test_contract::Echo;
use test_contract::echo::{EchoRequest, EchoResponse, NoteRequest};
use tonic::Request;

use crate::calls::echo;
use crate::harness::{Bus, decode};

pub(crate) async fn a_request_and_its_reply_are_what_the_contract_says(bus: Bus) {
    const ECHO: &str = "/echo.v1.EchoService/Echo";
    bus.serve(&Echo::default()).await;
    let mut request = Request::new(echo("7"));
    let metadata = request.metadata_mut();
    metadata.insert("authorization", "Bearer secret-token".parse().unwrap());
    metadata.insert("traceparent", "00-aa-bb-01".parse().unwrap());
    metadata.insert("idempotency-key", "k1".parse().unwrap());
    bus.client().await.echo(request).await.unwrap();

    let request = bus.raw(&bus.topic(ECHO), 1).await.remove(0);
    assert_eq!(decode::<EchoRequest>(&request.value).text, "7");
    assert_eq!(request.key, None);
    let id = request.text("kafka_correlationId");
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(
        request.text("kafka_replyTopic"),
        format!("reply.{}", bus.app)
    );
    assert_eq!(request.header("kafka_replyPartition").unwrap().len(), 4);
    assert_eq!(request.text("rpc-method"), ECHO);
    assert_eq!(request.text("grpc-timeout"), "5000m");
    assert_eq!(request.text("content-type"), "application/protobuf");
    assert_eq!(request.text("traceparent"), "00-aa-bb-01");
    assert_eq!(request.text("idempotency-key"), "k1");
    assert_eq!(request.header("rpc-mac").unwrap().len(), 32);
    assert_eq!(request.text("rpc-key-id").len(), 16);
    let authorization = request.header("meta:authorization").unwrap();
    assert!(
        !authorization
            .windows(12)
            .any(|part| part == b"secret-token")
    );

    let reply = bus.reply_to(id).await;
    assert_eq!(decode::<EchoResponse>(&reply.value).text, "7");
    assert_eq!(reply.text("grpc-status"), "0");
    let ids = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "kafka_correlationId");
    assert_eq!(ids.count(), 1);
    bus.finish().await;
}

pub(crate) async fn an_event_is_what_the_contract_says(bus: Bus) {
    const NOTE: &str = "/echo.v1.NoteService/NoteInOrder";
    let note = NoteRequest {
        id: "1".into(),
        account: "ada".into(),
        ..NoteRequest::default()
    };
    bus.notes().await.note_in_order(note).await.unwrap();
    let event = bus.raw(&bus.topic(NOTE), 1).await.remove(0);
    assert_eq!(decode::<NoteRequest>(&event.value).id, "1");
    assert_eq!(event.key.as_deref(), Some(&b"ada"[..]));
    let kind = (event.text("ce_type"), event.text("ce_specversion"));
    assert_eq!(kind, (NOTE, "1.0"));
    assert_eq!(event.text("ce_source"), format!("/{}", bus.app));
    assert!(!event.text("ce_id").is_empty() && event.text("ce_time").ends_with('Z'));
    assert_eq!(event.header("rpc-mac").unwrap().len(), 32);
    bus.finish().await;
}
