//! One key, one at a time: a pure core, tested against a model.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What waits behind what runs, by key. It holds no more than what has a slot, and nothing of a key
/// of which nothing runs.
#[derive(Debug)]
pub(super) struct Order<K, T> {
    /// A key that is here has one that runs, and these that wait, in the order in which they came.
    waiting: HashMap<K, VecDeque<T>>,
}

impl<K, T> Default for Order<K, T> {
    fn default() -> Self {
        let waiting = HashMap::new();
        Self { waiting }
    }
}

impl<K: Hash + Eq, T> Order<K, T> {
    /// One that comes: given back if it may run now, kept if another of its key runs. One that runs
    /// has to [`leave`](Self::leave), whatever becomes of it.
    pub(super) fn enter(&mut self, key: K, item: T) -> Option<T> {
        match self.waiting.get_mut(&key) {
            Some(waiting) => {
                waiting.push_back(item);
                None
            }
            None => {
                self.waiting.insert(key, VecDeque::new());
                Some(item)
            }
        }
    }

    /// The one of this key that ran has ended: the next one, which runs now.
    pub(super) fn leave<Q>(&mut self, key: &Q) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let next = self.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            self.waiting.remove(key);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_second_of_a_key_waits_for_the_first_and_other_keys_do_not() {
        let mut order = Order::default();
        assert_eq!(order.enter("a", 1), Some(1));
        assert_eq!(order.enter("a", 2), None);
        assert_eq!(order.enter("b", 3), Some(3));
        assert_eq!(order.leave("a"), Some(2));
        assert_eq!(order.leave("a"), None);
        assert_eq!(order.enter("a", 4), Some(4));
    }

    #[test]
    fn nothing_is_kept_of_a_key_that_is_idle() {
        let mut order = Order::default();
        order.enter("a", 1);
        assert_eq!(order.leave("a"), None);
        assert!(order.waiting.is_empty());
        assert_eq!(order.leave("a"), None);
    }

    proptest! {
        #[test]
        fn each_key_runs_one_at_a_time_in_the_order_of_coming(
            // Which key comes next; `None`: the oldest of those that run ends.
            steps in prop::collection::vec(prop::option::weighted(0.6, 0..4u8), 0..200),
        ) {
            let mut order = Order::default();
            let mut running: VecDeque<(u8, usize)> = VecDeque::new();
            let mut came: HashMap<u8, Vec<usize>> = HashMap::new();
            let mut ran: HashMap<u8, Vec<usize>> = HashMap::new();
            let mut start = |item: (u8, usize), running: &mut VecDeque<(u8, usize)>| {
                ran.entry(item.0).or_default().push(item.1);
                running.push_back(item);
            };
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(key) = step {
                    came.entry(key).or_default().push(number);
                    if let Some(item) = order.enter(key, (key, number)) {
                        start(item, &mut running);
                    }
                } else if let Some((key, _)) = running.pop_front()
                    && let Some(item) = order.leave(&key)
                {
                    start(item, &mut running);
                }
                let mut keys: Vec<_> = running.iter().map(|(key, _)| key).collect();
                keys.sort_unstable();
                keys.dedup();
                prop_assert_eq!(keys.len(), running.len());
            }
            while let Some((key, _)) = running.pop_front() {
                if let Some(item) = order.leave(&key) {
                    start(item, &mut running);
                }
            }
            prop_assert_eq!(came, ran);
            prop_assert!(order.waiting.is_empty());
        }
    }
}
