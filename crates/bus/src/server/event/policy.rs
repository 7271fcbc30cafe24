//! What to do about an event whose handler failed: a pure decision.

use std::time::Duration;

use chassis::contract::Retry;
use tonic::Code;

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again in place, after this pause.
    Again(Duration),
    /// It waits this long on this retry topic of its own, counted from 1.
    Later(usize, Duration),
    /// It is a dead letter.
    SetAside,
}

/// After `attempts` attempts, the last of which ended with `code`.
pub(super) fn next(retry: &Retry, code: Code, attempts: usize) -> Next {
    let pause = attempts
        .checked_sub(1)
        .and_then(|index| retry.pauses().get(index));
    match (pause, retry) {
        (Some(pause), Retry::InOrder(_)) if may_pass(code) => Next::Again(*pause),
        (Some(pause), Retry::Tiers(_)) if may_pass(code) => Next::Later(attempts, *pause),
        _ => Next::SetAside,
    }
}

/// Whether another attempt may end otherwise. A fault of the handler's own may: it may depend on
/// something that it did not expect to be away.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Cancelled
            | Code::Internal
            | Code::Unknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

    #[test]
    fn each_attempt_in_tiers_waits_on_the_next_topic() {
        let retry = Retry::Tiers(PAUSES.to_vec());
        assert_eq!(
            next(&retry, Code::Unavailable, 1),
            Next::Later(1, PAUSES[0])
        );
        assert_eq!(next(&retry, Code::Internal, 2), Next::Later(2, PAUSES[1]));
        assert_eq!(next(&retry, Code::Unavailable, 3), Next::SetAside);
    }

    #[test]
    fn attempts_in_order_stay_in_place() {
        let retry = Retry::InOrder(PAUSES.to_vec());
        assert_eq!(next(&retry, Code::Unavailable, 1), Next::Again(PAUSES[0]));
        assert_eq!(next(&retry, Code::Unknown, 2), Next::Again(PAUSES[1]));
        assert_eq!(next(&retry, Code::Unavailable, 3), Next::SetAside);
    }

    #[test]
    fn what_cannot_pass_is_set_aside_at_once() {
        for retry in [
            Retry::Tiers(PAUSES.to_vec()),
            Retry::InOrder(PAUSES.to_vec()),
        ] {
            assert_eq!(next(&retry, Code::InvalidArgument, 1), Next::SetAside);
            assert_eq!(next(&retry, Code::FailedPrecondition, 2), Next::SetAside);
        }
    }
}
