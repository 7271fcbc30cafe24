//! The calls that ran a short while ago: what a producer's retry delivers twice runs once.

use std::collections::{HashSet, VecDeque};

/// Enough for a minute at a thousand calls a second, in some 5 MB.
const REMEMBERED: usize = 60_000;

/// Remembers the newest ids.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ids: HashSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

impl Seen {
    /// Remembers an id. False if it was known.
    pub(super) fn insert(&mut self, id: &[u8]) -> bool {
        if !self.ids.insert(id.to_vec()) {
            return false;
        }
        self.order.push_back(id.to_vec());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_memory_is_bounded() {
        let mut seen = Seen::default();
        assert!(seen.insert(b"a"));
        assert!(!seen.insert(b"a"));
        for number in 0..REMEMBERED {
            seen.insert(&number.to_be_bytes());
        }
        assert_eq!(seen.ids.len(), REMEMBERED);
        assert_eq!(seen.order.len(), REMEMBERED);
        assert!(seen.insert(b"a"));
    }
}
