//! Clients of other platforms, on topics where they are trusted: the bytes that they write and read.
//! The clients themselves are tried elsewhere.

use prost::Message as _;
use serde_json::{Value, json};
use test_contract::Echo;
use test_contract::echo::{EchoRequest, EchoResponse};
use tonic::Code;

use crate::calls::echo;
use crate::harness::{Bus, Raw, decode, within};

const ECHO: &str = "/echo.v1.EchoService/Echo";
const WHO_AM_I: &str = "/echo.v1.EchoService/WhoAmI";
const NOTE: &str = "/echo.v1.NoteService/Note";

/// A NestJS client's request, by hand.
fn nest(bus: &Bus, value: &str) -> Raw {
    let reply_topic = format!("reply.{}", bus.app);
    Raw::new(
        value,
        &[
            ("kafka_correlationId", b"7a8725f48e48ad9ed419b"),
            ("kafka_replyTopic", reply_topic.as_bytes()),
            ("kafka_replyPartition", b"0"),
        ],
    )
}

/// A Spring template's: its id is no text, and it leaves the partition open.
const SPRING_ID: [u8; 16] = [0, 0xff, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn spring(bus: &Bus, value: Vec<u8>) -> Raw {
    let reply_topic = format!("reply.{}", bus.app);
    Raw::new(
        value,
        &[
            ("kafka_replyTopic", reply_topic.as_bytes()),
            ("kafka_correlationId", &SPRING_ID),
        ],
    )
}

async fn answered(bus: &Bus, path: &str, request: Raw) -> Raw {
    let id = request.header("kafka_correlationId").unwrap().to_vec();
    bus.write(&bus.topic(path), request).await;
    let topic = format!("reply.{}", bus.app);
    within(bus.replies(&topic, &id, 1)).await.remove(0)
}

fn value(reply: &Raw) -> Value {
    serde_json::from_slice(&reply.value).unwrap()
}

pub(crate) async fn a_nest_client_is_answered_in_its_own_terms(bus: Bus) {
    let bus = bus.trusting(&[ECHO, WHO_AM_I, NOTE]);
    let service = Echo::default();
    bus.serve(&service).await;
    let reply = answered(&bus, ECHO, nest(&bus, r#"{"text":"héllo ✓"}"#)).await;
    assert_eq!(value(&reply), json!({"text": "héllo ✓", "payload": ""}));
    assert_eq!(reply.header("kafka_nest-is-disposed"), Some(&[0][..]));
    assert_eq!(reply.header("kafka_nest-err"), None);
    let ids = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "kafka_correlationId");
    assert_eq!(ids.count(), 1);
    // Methods for services only are open to whoever may write to a trusted topic.
    bus.write(&bus.topic(WHO_AM_I), {
        let mut request = nest(&bus, "");
        request.headers[0].1 = b"another".to_vec();
        request
    })
    .await;
    let topic = format!("reply.{}", bus.app);
    let reply = within(bus.replies(&topic, b"another", 1)).await.remove(0);
    assert_eq!(value(&reply)["fromBus"], true);
    // An event: no header at all.
    bus.write(&bus.topic(NOTE), Raw::new(r#"{"id":"noted"}"#, &[]))
        .await;
    within(service.ledger.until(|ledger| ledger.effects("noted") == 1)).await;
    bus.finish().await;
}

pub(crate) async fn a_spring_client_is_answered_in_its_own_terms(bus: Bus) {
    let bus = bus.trusting(&[ECHO]);
    bus.serve(&Echo::default()).await;
    let reply = answered(&bus, ECHO, spring(&bus, echo("7").encode_to_vec())).await;
    assert_eq!(decode::<EchoResponse>(&reply.value).text, "7");
    assert_eq!(reply.text("grpc-status"), "0");
    let mut request = spring(&bus, br#"{"text":"8","failCode":null}"#.to_vec());
    request.headers[1].1 = b"8b23c8b8-3c03-4edf-b47e-5f2d0dc5e085".to_vec();
    request
        .headers
        .push(("__TypeId__".into(), b"cap.Cap$EchoRequest".to_vec()));
    let reply = answered(&bus, ECHO, request).await;
    assert_eq!(value(&reply)["text"], "8");
    assert_eq!(reply.header("__TypeId__"), None);
    bus.finish().await;
}

pub(crate) async fn a_foreign_error_is_one_that_the_client_understands(bus: Bus) {
    let bus = bus.trusting(&[ECHO]);
    bus.serve(&Echo::default()).await;
    let request = nest(&bus, r#"{"text":"no such text: ä","fail_code":5}"#);
    let reply = answered(&bus, ECHO, request).await;
    let error: Value = serde_json::from_slice(reply.header("kafka_nest-err").unwrap()).unwrap();
    assert_eq!(error, json!({"code": 5, "message": "no such text: ä"}));
    let mut request = nest(&bus, r#"{"txet":"x"}"#);
    request.headers[0].1 = b"undecodable".to_vec();
    let reply = answered(&bus, ECHO, request).await;
    let error: Value = serde_json::from_slice(reply.header("kafka_nest-err").unwrap()).unwrap();
    assert_eq!(error["code"], i32::from(Code::InvalidArgument));
    assert!(
        error["message"].as_str().unwrap().contains("txet"),
        "{error}"
    );
    let mut request = spring(&bus, br#"{"failCode":5}"#.to_vec());
    request.headers[1].1 = b"json".to_vec();
    let reply = answered(&bus, ECHO, request).await;
    assert_eq!(
        (reply.text("grpc-status"), &reply.value[..]),
        ("5", &b"{}"[..])
    );
    let request = EchoRequest {
        fail_code: 5,
        ..EchoRequest::default()
    };
    let reply = answered(&bus, ECHO, spring(&bus, request.encode_to_vec())).await;
    assert_eq!(
        (reply.text("grpc-status"), &reply.value[..]),
        ("5", &b""[..])
    );
    bus.finish().await;
}

pub(crate) async fn a_foreign_record_on_a_topic_that_is_not_trusted_is_not_executed(bus: Bus) {
    let bus = bus.trusting(&[WHO_AM_I]);
    let service = Echo::default();
    bus.serve(&service).await;
    bus.write(&bus.topic(ECHO), nest(&bus, r#"{"text":"untrusted"}"#))
        .await;
    bus.client().await.echo(echo("after")).await.unwrap();
    assert_eq!(service.ledger.begun("untrusted"), 0);
    bus.finish().await;
}

pub(crate) async fn our_own_records_are_verified_on_trusted_topics_too(bus: Bus) {
    let bus = bus.trusting(&[ECHO]);
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    client.echo(echo("own")).await.unwrap();
    let mut forged = bus.raw(&bus.topic(ECHO), 1).await.remove(0);
    forged.value = echo("forged").encode_to_vec();
    bus.write(&bus.topic(ECHO), forged).await;
    client.echo(echo("after")).await.unwrap();
    assert_eq!(service.ledger.begun("forged"), 0);
    bus.finish().await;
}
