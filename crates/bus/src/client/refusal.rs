//! Why a connection is refused: by TLS, or by the broker for its user.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, NoCustomPartitioner, Producer as _, ProducerContext};

use super::ASK_TIMEOUT;
use crate::settings::Broker;

/// How long the connection is tried before it is looked at what was said against it.
const TRY: Duration = Duration::from_millis(100);

/// How often it is tried at least. Where the machine stands still for a while, that takes longer than
/// the time for a question, and nothing was said yet when that is over.
const TRIES: u32 = 20;

/// Keeps the first thing that was said against the connection. The clients that do the work hear
/// nothing of it: an outage would be told by each of them, again and again.
#[derive(Default)]
struct Ear {
    heard: Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl ClientContext for Ear {
    fn error(&self, error: KafkaError, reason: &str) {
        let code = match error.rdkafka_error_code() {
            // A broker that speaks no TLS, or one that misses our certificate: that one says so when
            // the handshake is over.
            Some(RDKafkaErrorCode::BrokerTransportFailure)
                if ["SSL handshake failed", "SSL alert"]
                    .iter()
                    .any(|text| reason.contains(text)) =>
            {
                RDKafkaErrorCode::SSL
            }
            Some(code @ (RDKafkaErrorCode::SSL | RDKafkaErrorCode::Authentication)) => code,
            _ => return,
        };
        self.heard.lock().get_or_insert((code, reason.to_owned()));
    }
}

impl ProducerContext<NoCustomPartitioner> for Ear {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Why the broker cannot be used, if that is a matter of TLS or of the user.
pub(crate) fn of(broker: &Broker) -> Option<String> {
    if broker.security.is_plaintext() {
        return None;
    }
    let client = broker.client("trolleybus-refusal");
    let producer: BaseProducer<Ear> = client.create_with_context(Ear::default()).ok()?;
    let until = Instant::now() + ASK_TIMEOUT;
    let mut tries = 0;
    while tries < TRIES || Instant::now() < until {
        tries += 1;
        let answer = producer.client().fetch_metadata(None, TRY);
        producer.poll(Duration::ZERO);
        if let Some((code, reason)) = producer.context().heard.lock().take() {
            return Some(told(broker, code, &reason));
        }
        if answer.is_ok() {
            return None;
        }
    }
    None
}

fn told(broker: &Broker, code: RDKafkaErrorCode, reason: &str) -> String {
    let brokers = &broker.addresses;
    if code == RDKafkaErrorCode::Authentication {
        format!(
            "the Kafka broker at {brokers} refuses the user; check KAFKA_SASL_USERNAME, \
             KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM: {reason}"
        )
    } else {
        format!(
            "no TLS with the Kafka broker at {brokers}; check KAFKA_TLS_CA, KAFKA_TLS_CERT and \
             KAFKA_SECURITY_PROTOCOL: {reason}"
        )
    }
}
