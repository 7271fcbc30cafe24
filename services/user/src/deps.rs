//! What a use case takes from the world: the time, ids and randomness.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use uuid::Uuid;
use uuid::timestamp::context::ContextV7;

use crate::timestamp::Timestamp;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Makes ids and random bytes.
pub trait Ids: Debug + Send + Sync {
    /// A new UUID of version 7. Ids are no secrets: they tell when they were made.
    fn id(&self, now: Timestamp) -> Uuid;

    /// Fills `bytes` from a cryptographically secure source.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clock and the ids of a process.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and random bytes.
    pub ids: Arc<dyn Ids>,
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Ids that sort by the time they were made in this process, and the randomness of the operating
/// system.
#[derive(Debug, Default)]
pub struct SystemIds {
    context: Mutex<ContextV7>,
}

// === impl Deps ===

impl Deps {
    /// What production uses.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds::default()),
        }
    }

    /// `N` random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.ids.fill(&mut bytes);
        bytes
    }
}

// === impl SystemClock ===

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

// === impl SystemIds ===

impl Ids for SystemIds {
    fn id(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000).expect("less than a thousand") * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(
            &*self.context.lock(),
            millis / 1000,
            nanos,
        ))
    }

    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes)
            .expect("the operating system has randomness, without which nothing here is safe");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_millisecond_sort_in_the_order_they_were_made() {
        let ids = SystemIds::default();
        let made: Vec<Uuid> = (0..1000)
            .map(|_| ids.id(Timestamp(1_763_856_000_123)))
            .collect();
        assert!(made.is_sorted());
        assert_eq!(made[0].get_version_num(), 7);
    }
}
