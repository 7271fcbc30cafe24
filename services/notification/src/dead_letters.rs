//! The gRPC service for operators: what became of events that could not be handled.

use std::num::NonZeroU32;
use std::sync::Arc;

use bus::dead_letter::{
    DeadLetterError, DeadLetters, Depth, Letter, Place, Redrive, Selection, Value,
};
use proto::notification::v1::dead_letter::Value as ShownValue;
use proto::notification::v1::dead_letter_service_server::DeadLetterService;
use proto::notification::v1::{
    DeadLetter, DeadLetterDepth, ListDeadLettersRequest, ListDeadLettersResponse, RecordHeader,
    RecordPlace, RedriveDeadLettersRequest, RedriveDeadLettersResponse, ShowDeadLetterRequest,
    ShowDeadLetterResponse,
};
use tonic::{Request, Response, Status};

use crate::error::{DEAD_LETTER_NOT_FOUND, DEAD_LETTERS_UNAVAILABLE, REDRIVE_REFUSED};

/// As many a second are sent again where nobody says how many: few enough for any mail server.
pub const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

/// Implements `notification.v1.DeadLetterService`. Clones share everything.
#[derive(Debug, Clone)]
pub struct DeadLetterAdmin {
    letters: Arc<DeadLetters>,
}

impl DeadLetterAdmin {
    /// The service for these dead letters.
    #[must_use]
    pub fn new(letters: DeadLetters) -> Self {
        Self {
            letters: Arc::new(letters),
        }
    }
}

#[tonic::async_trait]
impl DeadLetterService for DeadLetterAdmin {
    async fn list_dead_letters(
        &self,
        _: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let depths = self.letters.list().await.map_err(|error| status(&error))?;
        let depths = depths.into_iter().map(depth).collect();
        Ok(Response::new(ListDeadLettersResponse { depths }))
    }

    async fn show_dead_letter(
        &self,
        request: Request<ShowDeadLetterRequest>,
    ) -> Result<Response<ShowDeadLetterResponse>, Status> {
        let ShowDeadLetterRequest {
            topic,
            partition,
            offset,
        } = request.into_inner();
        let letter = self.letters.show(&topic, partition, offset).await;
        let letter = letter.map_err(|error| status(&error))?;
        Ok(Response::new(ShowDeadLetterResponse {
            dead_letter: Some(shown(letter)),
        }))
    }

    async fn redrive_dead_letters(
        &self,
        request: Request<RedriveDeadLettersRequest>,
    ) -> Result<Response<RedriveDeadLettersResponse>, Status> {
        let request = request.into_inner();
        let selection = match (request.partition, request.offset) {
            (None, None) => Selection::All,
            (Some(partition), None) => Selection::Partition(partition),
            (Some(partition), Some(offset)) => Selection::One { partition, offset },
            (None, Some(_)) => {
                return Err(Status::invalid_argument(
                    "an offset is one of a partition: set the partition too",
                ));
            }
        };
        let redrive = Redrive {
            topic: request.topic,
            selection,
            per_second: NonZeroU32::new(request.per_second).unwrap_or(PER_SECOND),
            limit: Some(request.limit)
                .filter(|limit| *limit > 0)
                .unwrap_or(u64::MAX),
        };
        let done = self.letters.redrive(&redrive).await;
        let done = done.map_err(|error| status(&error))?;
        Ok(Response::new(RedriveDeadLettersResponse {
            sent: done.sent,
            known: done.known,
            without_content: done.without_content,
        }))
    }
}

fn status(error: &DeadLetterError) -> Status {
    let reason = match error {
        DeadLetterError::UnknownTopic { .. } | DeadLetterError::NoRecord { .. } => {
            DEAD_LETTER_NOT_FOUND
        }
        DeadLetterError::Busy | DeadLetterError::TooManySingle(_) => REDRIVE_REFUSED,
        DeadLetterError::NoBroker(_)
        | DeadLetterError::Kafka(_)
        | DeadLetterError::Publish { .. }
        | DeadLetterError::Thread(_) => {
            tracing::warn!("the dead letters: {error}");
            DEAD_LETTERS_UNAVAILABLE
        }
    };
    reason.status(error.to_string())
}

fn depth(depth: Depth) -> DeadLetterDepth {
    DeadLetterDepth {
        topic: depth.topic,
        method: depth.method,
        depth: depth.depth,
        oldest_at: depth.oldest_ms.map(timestamp),
    }
}

fn shown(letter: Letter) -> DeadLetter {
    let header = |(name, value)| RecordHeader { name, value };
    DeadLetter {
        place: Some(place(letter.place)),
        original: letter.original.map(place),
        published_at: Some(timestamp(letter.time_ms)),
        key: letter.key.unwrap_or_default(),
        event_id: letter.event_id.unwrap_or_default(),
        method: letter.method,
        code: letter.code.unwrap_or_default(),
        reason: letter.reason.unwrap_or_default(),
        attempts: letter.attempts.unwrap_or_default(),
        redriven: letter.redriven,
        headers: letter.headers.into_iter().map(header).collect(),
        value: Some(match letter.value {
            Value::Json(json) => ShownValue::Json(json),
            Value::Unreadable { why, .. } => ShownValue::Unreadable(why),
        }),
    }
}

fn place(place: Place) -> RecordPlace {
    RecordPlace {
        topic: place.topic,
        partition: place.partition,
        offset: place.offset,
    }
}

fn timestamp(ms: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: ms.div_euclid(1000),
        // Less than a billion.
        nanos: i32::try_from(ms.rem_euclid(1000) * 1_000_000).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use chassis::status::reason_of;
    use tonic::Code;

    use super::*;

    #[test]
    fn what_is_not_there_is_not_found_and_a_broker_that_is_away_is_unavailable() {
        let missing = status(&DeadLetterError::NoRecord {
            topic: "t.dlq".into(),
            partition: 0,
            offset: 7,
        });
        assert_eq!(missing.code(), Code::NotFound);
        assert_eq!(
            reason_of(&missing).as_deref(),
            Some("DEAD_LETTER_NOT_FOUND")
        );
        let away = status(&DeadLetterError::NoBroker("no broker answers".into()));
        assert_eq!(away.code(), Code::Unavailable);
        assert_eq!(
            status(&DeadLetterError::Busy).code(),
            Code::FailedPrecondition
        );
    }

    #[test]
    fn a_time_before_1970_is_no_negative_nanosecond() {
        assert_eq!(
            timestamp(-1),
            prost_types::Timestamp {
                seconds: -1,
                nanos: 999_000_000
            }
        );
    }
}
