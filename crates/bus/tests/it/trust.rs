//! Who is believed, and what nobody can read.

use std::time::{Duration, SystemTime};

use prost::Message as _;
use test_contract::Echo;
use test_contract::echo::{EchoRequest, WhisperRequest};
use tonic::Request;

use crate::calls::echo;
use crate::harness::{Bus, Raw, within};

const ECHO: &str = "/echo.v1.EchoService/Echo";
const APPLY: &str = "/echo.v1.EchoService/Apply";
const WHISPER: &str = "/echo.v1.EchoService/Whisper";

pub(crate) async fn a_secret_is_in_no_byte_of_any_topic(bus: Bus) {
    const SECRET: &str = "correct horse battery staple";
    bus.serve(&Echo::default()).await;
    let request = WhisperRequest {
        secret: SECRET.into(),
    };
    let answer = bus.client().await.whisper(request).await.unwrap();
    assert_eq!(answer.into_inner().secret, SECRET);
    let request = bus.raw(&bus.topic(WHISPER), 1).await.remove(0);
    let reply = bus.reply_to(request.text("kafka_correlationId")).await;
    for record in [request, reply] {
        assert!(record.header("rpc-sealed").is_some());
        let parts = record.headers.iter().map(|(_, value)| value);
        for part in parts.chain([&record.value]) {
            let found = part
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes());
            assert!(!found, "{record:?}");
        }
    }
    bus.finish().await;
}

pub(crate) async fn a_forged_request_is_not_executed(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    client.echo(echo("7")).await.unwrap();
    let genuine = bus.raw(&bus.topic(ECHO), 1).await.remove(0);
    let mut altered = genuine.clone();
    altered.value = echo("forged").encode_to_vec();
    bus.write(&bus.topic(ECHO), altered).await;
    let mut unsigned = genuine.clone();
    unsigned.value = echo("unsigned").encode_to_vec();
    unsigned.headers.retain(|(name, _)| name != "rpc-mac");
    bus.write(&bus.topic(ECHO), unsigned).await;
    // Moved to another topic: its MAC is that of the first.
    bus.write(&bus.topic(APPLY), genuine).await;
    client.echo(echo("after")).await.unwrap();
    let ledger = &service.ledger;
    assert_eq!((ledger.begun("forged"), ledger.begun("unsigned")), (0, 0));
    assert_eq!((ledger.begun("7"), ledger.begun("after")), (1, 1));
    bus.finish().await;
}

pub(crate) async fn a_stale_request_is_answered_and_not_executed(bus: Bus) {
    let service = Echo::default();
    let mut client = bus.client().await;
    let mut request = Request::new(echo("stale"));
    request.set_timeout(Duration::from_millis(50));
    client.echo(request).await.unwrap_err();
    let sent = bus.raw(&bus.topic(ECHO), 1).await.remove(0);
    // Past the deadline and the tolerated skew of clocks, whatever the time of the machine.
    let sent_at = Duration::from_millis(u64::try_from(sent.time_ms).unwrap());
    let stale = SystemTime::UNIX_EPOCH + sent_at + Duration::from_millis(400);
    if let Ok(left) = stale.duration_since(SystemTime::now()) {
        tokio::time::sleep(left).await;
    }
    bus.serve(&service).await;
    let reply = bus.reply_to(sent.text("kafka_correlationId")).await;
    assert_eq!(reply.text("grpc-status"), "4");
    client.echo(echo("after")).await.unwrap();
    // Replayed, it is as old as it was.
    bus.write(&bus.topic(ECHO), sent).await;
    client.echo(echo("last")).await.unwrap();
    assert_eq!(service.ledger.begun("stale"), 0);
    bus.finish().await;
}

pub(crate) async fn a_readdressed_request_is_not_executed(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    client.echo(echo("7")).await.unwrap();
    let mut astray = bus.raw(&bus.topic(ECHO), 1).await.remove(0);
    for (name, value) in &mut astray.headers {
        if name == "kafka_replyTopic" {
            *value = b"elsewhere.reply".to_vec();
        }
    }
    bus.write(&bus.topic(ECHO), astray).await;
    client.echo(echo("after")).await.unwrap();
    assert_eq!(service.ledger.begun("7"), 1);
    bus.finish().await;
}

pub(crate) async fn a_foreign_record_in_the_reply_partition_is_passed_over(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    let mut waiting = client.clone();
    let request = EchoRequest {
        delay_ms: 1000,
        ..echo("waits")
    };
    let call = tokio::spawn(async move { waiting.echo(request).await });
    within(service.ledger.until(|ledger| ledger.begun("waits") == 1)).await;
    let id = bus.raw(&bus.topic(ECHO), 1).await[0]
        .text("kafka_correlationId")
        .to_owned();
    let topic = format!("reply.{}", bus.app);
    for record in [
        Raw::new(*b"nothing", &[]),
        Raw::new(*b"", &[("kafka_correlationId", b"\xff\xfe")]),
        Raw::new(
            *b"",
            &[("kafka_correlationId", &[b'0'; 32]), ("grpc-status", b"0")],
        ),
        // It bears the id of the call, and nobody's MAC.
        Raw::new(
            *b"",
            &[
                ("kafka_correlationId", id.as_bytes()),
                ("grpc-status", b"0"),
            ],
        ),
    ] {
        bus.write(&topic, record).await;
    }
    let answer = within(call).await.unwrap().unwrap();
    assert_eq!(answer.into_inner().text, "waits");
    client.echo(echo("after")).await.unwrap();
    bus.finish().await;
}

pub(crate) async fn whatever_is_on_a_request_topic_stops_nothing(bus: Bus) {
    let service = Echo::default();
    bus.serve(&service).await;
    let mut client = bus.client().await;
    client.echo(echo("before")).await.unwrap();
    let genuine = bus.raw(&bus.topic(ECHO), 1).await.remove(0);
    let mut records = vec![
        Raw::default(),
        Raw::new(vec![0xff; 1000], &[]),
        Raw::new(*b"{}", &[("rpc-mac", b"short"), ("rpc-key-id", b"none")]),
        Raw::new(*b"x", &[("rpc-cancel", b"1")]),
        Raw::new(*b"x", &[("rpc-window", b"99999999999999999999999")]),
    ];
    // Each header of a good record, gone or of another value.
    for index in 0..genuine.headers.len() {
        let (mut without, mut other) = (genuine.clone(), genuine.clone());
        without.headers.remove(index);
        other.headers[index].1 = vec![0, 0xff, b'\n'];
        records.extend([without, other]);
    }
    for record in records {
        bus.write(&bus.topic(ECHO), record).await;
    }
    client.echo(echo("after")).await.unwrap();
    assert_eq!(service.ledger.begun("before"), 1);
    bus.finish().await;
}
