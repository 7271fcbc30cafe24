//! What is on the topics, byte by byte, and what is refused.

use std::time::Duration;

use prost::Message as _;
use proto::notification::v1::SendWelcomeRequest;
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::user::v1::*;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use crate::harness::{Broker, NOTIFICATION, Raw, TestService, USER, client};

const FIND: &str = "/user.v1.UserService/Find";

/// Writes a record with nothing of this crate.
async fn write(broker: &Broker, topic: &str, raw: Raw) {
    let (brokers, topic) = (broker.settings().brokers.clone(), topic.to_owned());
    let written = tokio::task::spawn_blocking(move || {
        let producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext> =
            ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .create()
                .unwrap();
        let headers = raw
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let record = BaseRecord::<'_, [u8], [u8]>::to(&topic)
            .payload(&raw.value)
            .headers(headers)
            .timestamp(raw.time_ms);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(10)).unwrap();
    });
    written.await.unwrap();
}

pub(crate) async fn a_request_and_its_reply_are_what_the_contract_says(broker: Broker) {
    let _server = broker.serve(&TestService::default()).await;
    let channel = broker.channel().await;
    let mut request = tonic::Request::new(FindRequest { id: "7".into() });
    request
        .metadata_mut()
        .insert("authorization", "Bearer secret-token".parse().unwrap());
    request
        .metadata_mut()
        .insert("traceparent", "00-aa-bb-01".parse().unwrap());
    client(&channel).find(request).await.unwrap();

    let request = broker.raw(&broker.topic(FIND), 1).await.remove(0);
    assert_eq!(FindRequest::decode(&request.value[..]).unwrap().id, "7");
    let id = request.text("kafka_correlationId");
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(
        request.text("kafka_replyTopic"),
        format!("reply.{}", broker.app)
    );
    assert_eq!(request.header("kafka_replyPartition").unwrap().len(), 4);
    assert_eq!(request.text("rpc-method"), FIND);
    assert_eq!(request.text("grpc-timeout"), "5000m");
    assert_eq!(request.text("content-type"), "application/protobuf");
    assert_eq!(request.text("traceparent"), "00-aa-bb-01");
    assert_eq!(request.header("rpc-mac").unwrap().len(), 32);
    assert_eq!(request.text("rpc-key-id").len(), 16);
    let authorization = request.header("meta:authorization").unwrap();
    assert!(!contains(authorization, b"secret-token"));

    let reply = broker.reply_to(id).await;
    assert_eq!(
        FindResponse::decode(&reply.value[..])
            .unwrap()
            .user
            .unwrap()
            .id,
        "7"
    );
    assert_eq!(reply.text("grpc-status"), "0");
    assert_eq!(
        reply
            .headers
            .iter()
            .filter(|(name, _)| name == "kafka_correlationId")
            .count(),
        1
    );

    let welcome = SendWelcomeRequest {
        name: "Ada".into(),
        ..SendWelcomeRequest::default()
    };
    NotificationServiceClient::new(channel.clone())
        .send_welcome(welcome)
        .await
        .unwrap();
    let path = format!("/{NOTIFICATION}/SendWelcome");
    let event = broker.raw(&broker.topic(&path), 1).await.remove(0);
    assert_eq!(
        SendWelcomeRequest::decode(&event.value[..]).unwrap().name,
        "Ada"
    );
    assert_eq!(
        (event.text("ce_type"), event.text("ce_specversion")),
        (&path[..], "1.0")
    );
    assert_eq!(event.text("ce_source"), format!("/{}", broker.app));
    assert!(!event.text("ce_id").is_empty() && event.text("ce_time").ends_with('Z'));
}

pub(crate) async fn a_secret_is_in_no_byte_of_any_topic(broker: Broker) {
    const SECRET: &str = "correct horse battery staple";
    let _server = broker.serve(&TestService::default()).await;
    let channel = broker.channel().await;
    let request = RegisterRequest {
        password: SECRET.into(),
        ..RegisterRequest::default()
    };
    let answer = client(&channel)
        .register(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.session.unwrap().refresh_secret, SECRET.as_bytes());
    let register = broker.topic(&format!("/{USER}/Register"));
    let request = broker.raw(&register, 1).await.remove(0);
    let reply = broker.reply_to(request.text("kafka_correlationId")).await;
    let records = [request, reply];
    assert!(
        records
            .iter()
            .all(|record| record.header("rpc-sealed").is_some())
    );
    for record in records {
        let parts = record
            .headers
            .iter()
            .map(|(_, value)| value)
            .chain([&record.value]);
        assert!(
            parts
                .into_iter()
                .all(|part| !contains(part, SECRET.as_bytes())),
            "{record:?}"
        );
    }
}

pub(crate) async fn a_forged_request_is_not_executed(broker: Broker) {
    let service = TestService::default();
    let _server = broker.serve(&service).await;
    let channel = broker.channel().await;
    client(&channel)
        .find(FindRequest { id: "7".into() })
        .await
        .unwrap();
    let genuine = broker.raw(&broker.topic(FIND), 1).await.remove(0);
    let mut altered = genuine.clone();
    altered.value = FindRequest {
        id: "forged".into(),
    }
    .encode_to_vec();
    write(&broker, &broker.topic(FIND), altered).await;
    let mut unsigned = genuine.clone();
    unsigned.value = FindRequest {
        id: "unsigned".into(),
    }
    .encode_to_vec();
    unsigned.headers.retain(|(name, _)| name != "rpc-mac");
    write(&broker, &broker.topic(FIND), unsigned).await;
    // Moved to another topic: its MAC is that of the first.
    write(
        &broker,
        &broker.topic("/user.v1.UserService/Register"),
        genuine,
    )
    .await;
    client(&channel)
        .find(FindRequest { id: "after".into() })
        .await
        .unwrap();
    assert_eq!((service.times("forged"), service.times("unsigned")), (0, 0));
    assert_eq!((service.times("7"), service.times("after")), (1, 1));
}

pub(crate) async fn a_stale_request_is_answered_and_not_executed(broker: Broker) {
    let service = TestService::default();
    let channel = broker.channel().await;
    let mut request = tonic::Request::new(FindRequest { id: "stale".into() });
    request.set_timeout(Duration::from_millis(50));
    client(&channel).find(request).await.unwrap_err();
    let sent = broker.raw(&broker.topic(FIND), 1).await.remove(0);
    // Past the deadline and the tolerated skew of clocks, whatever the time of the machine.
    let stale =
        std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(sent.time_ms).unwrap() + 400);
    while crate::harness::now() < stale {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _server = broker.serve(&service).await;
    let reply = broker.reply_to(sent.text("kafka_correlationId")).await;
    assert_eq!(reply.text("grpc-status"), "4");
    client(&channel)
        .find(FindRequest { id: "after".into() })
        .await
        .unwrap();
    assert_eq!(service.times("stale"), 0);
}

pub(crate) async fn a_readdressed_request_is_not_executed(broker: Broker) {
    let service = TestService::default();
    let _server = broker.serve(&service).await;
    let channel = broker.channel().await;
    client(&channel)
        .find(FindRequest { id: "7".into() })
        .await
        .unwrap();
    let mut astray = broker.raw(&broker.topic(FIND), 1).await.remove(0);
    for (name, value) in &mut astray.headers {
        if name == "kafka_replyTopic" {
            *value = b"elsewhere.reply".to_vec();
        }
    }
    write(&broker, &broker.topic(FIND), astray).await;
    client(&channel)
        .find(FindRequest { id: "after".into() })
        .await
        .unwrap();
    assert_eq!(service.times("7"), 1);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
