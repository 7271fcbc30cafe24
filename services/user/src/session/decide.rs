//! What to do with a refresh token whose secret is right: pure, so that every case is tested.

use std::time::Duration;

use crate::entity::session::Model;
use crate::timestamp::Timestamp;

/// For this long the generation before the newest gets the newest again: its answer may have been
/// lost, or two tabs may have asked at once. Both keep one lineage.
pub const REISSUE_WITHIN: Duration = Duration::from_secs(10);

/// What is decided upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The newest generation, from 1.
    pub generation: u64,
    /// When the newest generation was first issued.
    pub rotated_at: Timestamp,
    /// Whether the newest generation has been presented.
    pub successor_used: bool,
    /// When the session ends unless it is refreshed.
    pub idle_expires_at: Timestamp,
    /// When the session ends in any case.
    pub expires_at: Timestamp,
    /// Whether the session was ended.
    pub revoked: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Issue the next generation.
    Rotate {
        /// Which one that is.
        next: u64,
    },
    /// Issue the newest generation again.
    Reissue,
    /// Somebody uses a token that was traded in: end the session, for nobody can tell the owner
    /// from the thief.
    Revoke,
    /// The token is newer than the session. Only the keys of the service can make one, so they
    /// leaked or the database lost its latest writes: refuse, and tell an operator.
    RefuseNewer,
    /// The session was not used for too long, or is too old.
    Expired,
    /// The session was ended before.
    Revoked,
}

/// Decides about a token of `generation`.
#[must_use]
pub fn decide(state: &State, generation: u64, now: Timestamp) -> Decision {
    if state.revoked {
        return Decision::Revoked;
    }
    if now >= state.expires_at || now >= state.idle_expires_at {
        return Decision::Expired;
    }
    if generation > state.generation {
        return Decision::RefuseNewer;
    }
    if generation == state.generation {
        // There is no next one only after more refreshes than time allows.
        return generation
            .checked_add(1)
            .map_or(Decision::Expired, |next| Decision::Rotate { next });
    }
    let is_previous = generation.checked_add(1) == Some(state.generation) && generation > 0;
    if is_previous && !state.successor_used && now.since(state.rotated_at) <= REISSUE_WITHIN {
        return Decision::Reissue;
    }
    Decision::Revoke
}

impl From<&Model> for State {
    fn from(session: &Model) -> Self {
        Self {
            generation: u64::try_from(session.refresh_gen).unwrap_or(0),
            rotated_at: session.rotated_at,
            successor_used: session.successor_used_at.is_some(),
            idle_expires_at: session.idle_expires_at,
            expires_at: session.expires_at,
            revoked: session.revoked_at.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_763_856_000_000);

    /// In generation 5, rotated `seconds_ago`.
    fn state(seconds_ago: u64) -> State {
        State {
            generation: 5,
            rotated_at: NOW - Duration::from_secs(seconds_ago),
            successor_used: false,
            idle_expires_at: NOW + Duration::from_secs(60),
            expires_at: NOW + Duration::from_secs(600),
            revoked: false,
        }
    }

    #[test]
    fn every_case() {
        let used = State {
            successor_used: true,
            ..state(3)
        };
        let idle = State {
            idle_expires_at: NOW,
            ..state(3)
        };
        let old = State {
            expires_at: NOW,
            ..state(3)
        };
        let revoked = State {
            revoked: true,
            ..old
        };
        let first = State {
            generation: 1,
            ..state(3)
        };
        let ahead = State {
            rotated_at: NOW + Duration::from_secs(5),
            ..state(3)
        };
        for (case, state, generation, decision) in [
            ("current", state(3600), 5, Decision::Rotate { next: 6 }),
            (
                "current, at once",
                state(0),
                5,
                Decision::Rotate { next: 6 },
            ),
            ("current, seen used", used, 5, Decision::Rotate { next: 6 }),
            ("previous, soon", state(3), 4, Decision::Reissue),
            ("previous, on a clock behind", ahead, 4, Decision::Reissue),
            ("previous, on the line", state(10), 4, Decision::Reissue),
            ("previous, late", state(11), 4, Decision::Revoke),
            ("previous, successor used", used, 4, Decision::Revoke),
            ("older", state(3), 3, Decision::Revoke),
            ("never issued", first, 0, Decision::Revoke),
            ("newer", state(3), 6, Decision::RefuseNewer),
            ("newest there is", state(3), u64::MAX, Decision::RefuseNewer),
            ("idle", idle, 5, Decision::Expired),
            ("idle, older", idle, 1, Decision::Expired),
            ("too old", old, 5, Decision::Expired),
            ("revoked", revoked, 5, Decision::Revoked),
        ] {
            assert_eq!(decide(&state, generation, NOW), decision, "{case}");
        }
    }

    prop_compose! {
        fn any_state()(
            generation in 0..10_u64,
            rotated in 0..20_000_i64,
            idle in -100..100_i64,
            end in -100..100_i64,
            successor_used: bool,
            revoked: bool,
        ) -> State {
            State {
                generation,
                rotated_at: Timestamp(NOW.0 - rotated),
                successor_used,
                idle_expires_at: Timestamp(NOW.0 + idle),
                expires_at: Timestamp(NOW.0 + end),
                revoked,
            }
        }
    }

    proptest! {
        #[test]
        fn a_session_that_ended_gives_nothing(state in any_state(), generation in 0..12_u64) {
            let decision = decide(&state, generation, NOW);
            if state.revoked || NOW >= state.expires_at || NOW >= state.idle_expires_at {
                prop_assert!(matches!(decision, Decision::Revoked | Decision::Expired));
            }
        }

        #[test]
        fn only_the_newest_generation_rotates_and_by_one(
            state in any_state(),
            generation in 0..12_u64,
        ) {
            if let Decision::Rotate { next } = decide(&state, generation, NOW) {
                prop_assert_eq!(generation, state.generation);
                prop_assert_eq!(next, generation + 1);
            }
        }

        /// A thief and the owner hold the same token and use it in any order, at any time: once
        /// one has used what came of it, the other ends the session.
        #[test]
        fn two_lineages_never_live(order in prop::collection::vec((any::<bool>(), 0..30_u64), 2..30)) {
            let mut session = State { generation: 1, ..state(0) };
            let mut held = [1_u64, 1];
            let mut now = NOW;
            session.idle_expires_at = NOW + Duration::from_secs(10_000);
            session.expires_at = session.idle_expires_at;
            for (who, pause) in order {
                now = now + Duration::from_secs(pause);
                let who = usize::from(who);
                match decide(&session, held[who], now) {
                    Decision::Rotate { next } => {
                        session.generation = next;
                        session.rotated_at = now;
                        held[who] = next;
                    }
                    Decision::Reissue => held[who] = session.generation,
                    _ => break,
                }
                // Nobody holds a token that never was issued.
                prop_assert!(held.iter().all(|held| *held <= session.generation));
                // And whoever is two behind is found out at the next use.
                let other = held[1 - who];
                if other + 1 < session.generation {
                    prop_assert_eq!(decide(&session, other, now), Decision::Revoke);
                }
            }
        }
    }
}
