//! Records that nobody should have written, and ones at the limit of size.

use std::time::{Duration, SystemTime};

use bus::{KafkaChannel, header};
use bus_tests::call::Method;
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use prost::Message as _;
use test_contract::echo::echo_service_client::EchoServiceClient;
use test_contract::echo::{ApplyRequest, EchoRequest};
use tonic::body::Body;
use tonic::{Code, Request, Status};
use tower::ServiceExt as _;

use crate::harness::check::check;
use crate::harness::kafka::Raw;
use crate::harness::{PATIENCE, World, eventually, patient, soak};

/// A gRPC message with its prefix.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

/// Calls with bytes in place of a message. The status of the answer.
async fn call_with_bytes(channel: &KafkaChannel, method: Method, message: &[u8]) -> Status {
    let body = http_body_util::Full::new(framed(message));
    let request = http::Request::post(method.path())
        .header(header::TIMEOUT, "60000m")
        .body(Body::new(body))
        .unwrap();
    let response = channel.clone().oneshot(request).await.unwrap();
    let mut headers = response.headers().clone();
    let body = response.into_body().collect().await.unwrap();
    headers.extend(body.trailers().cloned().unwrap_or_default());
    Status::from_header_map(&headers).expect("a reply has a status")
}

/// A record of anybody's.
fn garbage(topic: &str, partition: i32, value: Option<&[u8]>) -> Raw {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Raw {
        topic: topic.to_owned(),
        partition,
        offset: 0,
        time_ms: i64::try_from(now.unwrap().as_millis()).unwrap(),
        headers: Vec::new(),
        value: value.map(<[u8]>::to_vec),
    }
}

/// Calls through all partitions, which must all be answered.
async fn all_answered(world: &World, id: &str, method: Method) -> crate::harness::world::Caller {
    let calls = soak(50, 5_000).to_string();
    let mut caller = world.caller(id, method, &patient(&["--calls", &calls]));
    assert!(caller.process.exit().await.success());
    let summary = caller.process.summary().unwrap();
    assert_eq!(summary.ok, summary.calls, "{summary:?}");
    caller
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_record_stops_neither_its_partition_nor_its_worker() {
    let Some(world) = World::new("poison records").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let topic = world.topic(Method::Apply);
    for _ in 0..soak(3, 300) {
        for partition in 0..2 {
            for value in [None, Some(&b""[..]), Some(&[0xff; 100])] {
                world.kafka.write(&garbage(&topic, partition, value)).await;
            }
            let mut named = garbage(&topic, partition, Some(b"\xff"));
            for name in [
                header::CORRELATION_ID,
                header::REPLY_TOPIC,
                header::REPLY_PARTITION,
                header::METHOD,
                header::TIMEOUT,
                header::MAC,
                header::KEY_ID,
                header::SEALED,
            ] {
                named.headers.push((name.to_owned(), b"\xff\xfe".to_vec()));
            }
            world.kafka.write(&named).await;
        }
    }
    // Signed by one of ours, and still no message: the caller is told so.
    let channel = world.channel().await;
    for _ in 0..4 {
        let status = call_with_bytes(&channel, Method::Apply, b"\xff\xff\xff").await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert_eq!(channel.pending(), 0);
    channel.shutdown().await;
    let caller = all_answered(&world, "a", Method::Apply).await;
    // Every poison record is behind the committed offset, where nobody reads it again.
    let look = async || {
        let committed = world.kafka.committed(&world.group(), &topic).await;
        let records = world.kafka.records(&topic).await;
        let mut rest = records.iter().filter(|record| {
            let end = committed.get(&record.partition);
            end.is_none_or(|end| record.offset >= *end)
        });
        rest.next().is_none().then_some(())
    };
    eventually("a commit of all records", PATIENCE, look).await;
    worker.stop().await;
    check(&world, &[&caller]).await.publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_records_in_a_reply_partition_reach_no_caller() {
    let Some(world) = World::new("foreign and undecodable replies").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let calls = soak(150, 10_000).to_string();
    let flags = ["--calls", &calls, "--delay-ms", "100"];
    let mut caller = world.caller("a", Method::Apply, &patient(&flags));
    caller.process.ended(8).await;
    let (topic, replies) = (world.topic(Method::Apply), world.reply_topic());
    for _ in 0..soak(3, 30) {
        for partition in 0..2 {
            for value in [None, Some(&[0xff; 100][..])] {
                world
                    .kafka
                    .write(&garbage(&replies, partition, value))
                    .await;
            }
        }
        // The newest calls still run. Whoever reads the topic knows their ids.
        let requests = world.kafka.records(&topic).await;
        for request in requests.iter().rev().take(8) {
            let mut reply = garbage(&replies, 0, Some(b"\xff\xff"));
            let partition = request.header(header::REPLY_PARTITION).unwrap();
            reply.partition = i32::from_be_bytes(partition.try_into().unwrap());
            let id = request.header(header::CORRELATION_ID).unwrap().to_vec();
            reply.headers.push((header::CORRELATION_ID.into(), id));
            world.kafka.write(&reply).await;
            reply.headers.push((header::STATUS.into(), b"0".to_vec()));
            world.kafka.write(&reply).await;
            // With the marks of a true record, which were made for another.
            for name in [header::KEY_ID, header::MAC] {
                let value = request.header(name).unwrap().to_vec();
                reply.headers.push((name.into(), value));
            }
            world.kafka.write(&reply).await;
        }
    }
    assert!(caller.process.exit().await.success());
    worker.stop().await;
    let figures = check(&world, &[&caller]).await;
    figures.publish();
    assert_eq!(figures.ok, figures.calls, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_replayed_requests_take_no_effect() {
    let Some(world) = World::new("forged and replayed requests").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let flags = ["--calls", "10", "--deadline-ms", "3000"];
    let mut caller = world.caller("a", Method::ChargeCommitted, &flags);
    assert!(caller.process.exit().await.success());
    let topic = world.topic(Method::ChargeCommitted);
    let mut genuine = world.kafka.records(&topic).await;
    genuine.retain(Raw::is_call);
    assert_eq!(genuine.len(), 10);
    let altered = |change: &dyn Fn(&mut Raw)| {
        let mut raw = genuine[0].clone();
        change(&mut raw);
        raw
    };
    let other = ApplyRequest {
        id: "forged".into(),
        ..ApplyRequest::default()
    };
    let forged = [
        altered(&|raw| raw.value = Some(other.encode_to_vec())),
        altered(&|raw| raw.time_ms += 1),
        altered(&|raw| raw.topic = world.topic(Method::Apply)),
        altered(&|raw| raw.headers.retain(|(name, _)| name != header::MAC)),
        altered(&|raw| {
            for (name, value) in &mut raw.headers {
                if name == header::REPLY_TOPIC {
                    *value = b"reply.else".to_vec();
                }
            }
        }),
    ];
    // The same bytes again are refused as run before, and later as past their deadline.
    for raw in genuine.iter().chain(&forged) {
        world.kafka.write(raw).await;
    }
    // The deadline of the last one, and what clocks may be apart.
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    for raw in &genuine {
        world.kafka.write(raw).await;
    }
    let later = all_answered(&world, "later", Method::ChargeCommitted).await;
    let told = |reason| worker.logged(reason).len();
    let refused = || told("forged or altered") + told("unsigned");
    let look = async || (refused() >= forged.len()).then_some(());
    eventually("a log line for each forged request", PATIENCE, look).await;
    worker.stop().await;
    let effects = world.effects();
    assert!(effects.values().all(|count| *count == 1), "{effects:?}");
    assert!(!effects.contains_key("forged"));
    check(&world, &[&caller, &later]).await.publish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_at_the_limit_is_carried_and_one_byte_more_is_refused() {
    let Some(world) = World::new("messages at the limit of size").await else {
        return;
    };
    let mut worker = world.worker(&[]).await;
    let channel = world.channel().await;
    let limit = bus::settings::MESSAGE_LIMIT;
    // The tag and the length of the field are four bytes.
    let sized = |size: usize| {
        let request = EchoRequest {
            payload: vec![7; size - 4],
            ..EchoRequest::default()
        };
        assert_eq!(request.encoded_len(), size);
        request
    };
    let mut client = EchoServiceClient::new(channel.clone()).max_decoding_message_size(2 * limit);
    let answer = client.echo_late(Request::new(sized(limit))).await.unwrap();
    assert_eq!(answer.into_inner().encoded_len(), limit);
    let before = world.kafka.records(&world.topic(Method::Echo)).await.len();
    let status = client
        .echo_late(Request::new(sized(limit + 1)))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    // Refused before it was sent.
    let after = world.kafka.records(&world.topic(Method::Echo)).await.len();
    assert_eq!(before, after);
    let ask = |reply_bytes: usize| EchoRequest {
        reply_bytes: u32::try_from(reply_bytes).unwrap(),
        ..EchoRequest::default()
    };
    client.echo_late(ask(limit - 4)).await.unwrap();
    let status = client.echo_late(ask(limit - 3)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(channel.pending(), 0);
    channel.shutdown().await;
    let caller = all_answered(&world, "a", Method::Echo).await;
    worker.stop().await;
    check(&world, &[&caller]).await.publish();
}
