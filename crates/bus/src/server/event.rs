//! Handling events: at least once, again and again while the reason may pass, set aside when not.

use std::sync::Arc;
use std::time::Duration;

use chassis::contract::Method;
use tonic::{Code, Status};

use super::Shared;
use super::commit::Taken;
use super::dialect::Dialect;
use super::request::Call;
use super::slots::Slot;
use crate::event::PublishError;
use crate::header;
use crate::record::Received;

/// The first pause before handling an event again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often an event is handled whose handler fails for a reason of its own.
const FAULTY_ATTEMPTS: u32 = 5;

/// A record as it came, for the dead-letter topic.
struct Original {
    topic: String,
    partition: i32,
    offset: i64,
    time_ms: i64,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
    value: Vec<u8>,
}

/// What became of an event.
enum Outcome {
    Handled,
    /// It cannot be handled: why, and after how many attempts.
    SetAside(Status, u32),
}

/// The partition goes elsewhere: its next owner handles the event.
struct Abandoned;

/// What to do about a failure.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Again,
    SetAside,
}

impl Shared {
    pub(super) fn dispatch_event(
        self: &Arc<Self>,
        received: &Received<'_>,
        taken: Taken,
        slot: Slot,
    ) {
        let opened = Dialect::of(received, &self.settings)
            .map_err(|refused| Status::unauthenticated(refused.to_string()))
            .and_then(|dialect| Ok((dialect, self.method_of(received, dialect)?)))
            .and_then(|(dialect, method)| {
                let keys = &self.settings.keys;
                Call::open(received, dialect, &method, keys, method.deadline)
                    .map(|call| (method, call))
            });
        let original = Original::of(received);
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let handled = async {
                let outcome = match opened {
                    Ok((method, call)) => shared.handle_event(&method, &call, &taken).await?,
                    Err(status) => Outcome::SetAside(status, 0),
                };
                if let Outcome::SetAside(status, attempts) = outcome {
                    shared
                        .set_aside(&original, &status, attempts, &taken)
                        .await?;
                }
                Ok::<_, Abandoned>(())
            };
            // What is abandoned stays uncommitted, for the partition's next owner.
            if handled.await.is_ok() {
                shared.commits.finish(&taken);
            }
            drop(slot);
        });
    }

    /// Handles an event until it succeeds or cannot. An event that waits is uncommitted: if the
    /// process ends, the next one takes it.
    async fn handle_event(
        &self,
        method: &Method,
        call: &Call,
        taken: &Taken,
    ) -> Result<Outcome, Abandoned> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let response = self.handle(call, call.budget()).await;
            let status = Status::from_header_map(response.headers());
            let Some(status) = status.filter(|status| status.code() != Code::Ok) else {
                break;
            };
            if next(status.code(), attempt) == Next::SetAside {
                return Ok(Outcome::SetAside(status, attempt));
            }
            let pause_ms = pause.as_millis();
            // Once for each event; an outage fails many of them, again and again.
            if attempt == 1 {
                tracing::warn!(
                    method = method.path,
                    event.id = call.id(),
                    pause_ms,
                    "an event failed and will be tried again until it succeeds: {}",
                    status.message()
                );
            } else {
                tracing::debug!(
                    method = method.path,
                    event.id = call.id(),
                    attempt,
                    pause_ms,
                    "an event failed again: {}",
                    status.message()
                );
            }
            wait(pause, taken).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(Outcome::Handled)
    }

    /// Copies a record to its dead-letter topic, byte for byte, with the reason in headers.
    async fn set_aside(
        &self,
        original: &Original,
        status: &Status,
        attempts: u32,
        taken: &Taken,
    ) -> Result<(), Abandoned> {
        let topic = format!("{}{}", original.topic, header::DEAD_LETTER_SUFFIX);
        let added = [
            (
                "kafka_dlt-original-topic",
                original.topic.clone().into_bytes(),
            ),
            (
                "kafka_dlt-original-partition",
                original.partition.to_be_bytes().to_vec(),
            ),
            (
                "kafka_dlt-original-offset",
                original.offset.to_be_bytes().to_vec(),
            ),
            (
                "kafka_dlt-original-timestamp",
                original.time_ms.to_be_bytes().to_vec(),
            ),
            (
                "kafka_dlt-exception-fqcn",
                format!("{:?}", status.code()).into_bytes(),
            ),
            (
                "kafka_dlt-exception-message",
                status.message().as_bytes().to_vec(),
            ),
        ];
        let mut pause = FIRST_PAUSE;
        let (mut own, mut value) = (original.headers.as_slice(), original.value.as_slice());
        loop {
            let headers = own
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()));
            let added = added.iter().map(|(name, value)| (*name, value.as_slice()));
            let (key, time) = (original.key.as_deref(), original.time_ms);
            match self
                .events
                .send(&topic, key, time, headers.chain(added), value)
                .await
            {
                Ok(()) => break,
                // What it was is still on its own topic, at the place that the headers name.
                Err(PublishError::TooLarge(_)) if !own.is_empty() || !value.is_empty() => {
                    (own, value) = (&[], &[]);
                    continue;
                }
                // Nothing is lost meanwhile: the record is uncommitted on its own topic.
                Err(error) => tracing::error!("a dead letter is kept back: {error}"),
            }
            wait(pause, taken).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tracing::error!(
            topic = original.topic,
            partition = original.partition,
            offset = original.offset,
            attempts,
            "an event was set aside on {topic}: {}",
            status.message()
        );
        Ok(())
    }
}

/// Waits before the next attempt, as long as the partition is this member's.
async fn wait(pause: Duration, taken: &Taken) -> Result<(), Abandoned> {
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
        () = taken.ending.cancelled() => Err(Abandoned),
    }
}

fn next(code: Code, attempt: u32) -> Next {
    match code {
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Cancelled => Next::Again,
        Code::Internal | Code::Unknown if attempt < FAULTY_ATTEMPTS => Next::Again,
        _ => Next::SetAside,
    }
}

impl Original {
    fn of(received: &Received<'_>) -> Self {
        Self {
            topic: received.topic.to_owned(),
            partition: received.partition,
            offset: received.offset,
            time_ms: received.time_ms,
            key: received.key.map(<[u8]>::to_vec),
            headers: received
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
                .collect(),
            value: received.value.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_for_ever_and_what_cannot_is_set_aside_at_once() {
        assert_eq!(next(Code::Unavailable, 1_000), Next::Again);
        assert_eq!(next(Code::InvalidArgument, 1), Next::SetAside);
        assert_eq!(next(Code::Internal, FAULTY_ATTEMPTS - 1), Next::Again);
        assert_eq!(next(Code::Internal, FAULTY_ATTEMPTS), Next::SetAside);
    }
}
