//! The requests that were read while every slot was taken.
//!
//! They wait here, and not on the broker, so that what follows them on their partition is still read:
//! a caller that goes frees its slot at once, or its place in this queue. There are no more of them
//! than one channel may have in flight; beyond that nothing is read, and the rest stays on the broker.
//! None of them is finished: if the partition goes elsewhere, its next owner has them.

use std::collections::VecDeque;

use super::control::Control;
use super::work::Work;

/// The most that wait, in requests.
const LONGEST: usize = crate::channel::IN_FLIGHT;

/// The most that wait, in bytes of messages.
const LARGEST: usize = 64 * 1024 * 1024;

/// Requests without a slot, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<(Work, Control)>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn push(&mut self, work: Work, control: Control) {
        self.bytes += work.call.size();
        self.waiting.push_back((work, control));
    }

    pub(super) fn pop(&mut self) -> Option<(Work, Control)> {
        let (work, control) = self.waiting.pop_front()?;
        self.bytes -= work.call.size();
        Some((work, control))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether no more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= LONGEST || self.bytes >= LARGEST
    }

    /// Whether reading may go on after it stopped.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() <= LONGEST / 2 && self.bytes <= LARGEST / 2
    }

    /// Forgets them all: they are another's now.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }
}
