//! What began and what took effect, to be counted by tests.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Counts by name. Clones share it.
#[derive(Debug, Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    counts: Mutex<Counts>,
    held: Mutex<HashSet<String>>,
    running: AtomicUsize,
    changed: watch::Sender<()>,
    file: Option<File>,
}

#[derive(Debug, Default)]
struct Counts {
    begun: HashMap<String, u32>,
    effects: HashMap<String, u32>,
    order: Vec<(String, u32)>,
    applied: Vec<String>,
    /// The calls that took effect, in this process and in those before it.
    journal: HashSet<String>,
}

/// A handler that runs; dropped when it ends, however it ends.
#[derive(Debug)]
pub struct Running {
    ledger: Ledger,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Ledger {
    fn new(file: Option<File>) -> Self {
        Self {
            shared: Arc::new(Shared {
                counts: Mutex::default(),
                held: Mutex::default(),
                running: AtomicUsize::new(0),
                changed: watch::Sender::new(()),
                file,
            }),
        }
    }

    /// A ledger that also appends a line to a file for each effect, in one write, so that effects
    /// can be counted over processes that are killed: the id, and after a tab the id of the call if
    /// it is journaled. What a file holds already is its journal.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn appending(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let ledger = Self::new(Some(file));
        let known = std::fs::read_to_string(path)?;
        let calls = known.lines().filter_map(|line| line.split_once('\t'));
        let journal = calls.map(|(_, call)| call.to_owned()).collect();
        ledger.shared.counts.lock().journal = journal;
        Ok(ledger)
    }

    /// A handler begins to work on `id`. Says how often that happened, this time included.
    pub fn begin(&self, id: &str) -> (u32, Running) {
        let count = bump(&mut self.shared.counts.lock().begun, id);
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        self.shared.changed.send_replace(());
        let ledger = self.clone();
        (count, Running { ledger })
    }

    /// Keeps all work on `id` where it is when it has begun, before it fails or takes effect, until
    /// [`release`](Self::release). So a test can look at what is true meanwhile, however long its
    /// machine takes to look.
    pub fn hold(&self, id: &str) {
        self.shared.held.lock().insert(id.to_owned());
    }

    /// Lets work on `id` go on.
    pub fn release(&self, id: &str) {
        self.shared.held.lock().remove(id);
        self.shared.changed.send_replace(());
    }

    /// Whether work on `id` is held.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.shared.held.lock().contains(id)
    }

    /// Ends when work on `id` is not held.
    pub(crate) async fn may_go_on(&self, id: &str) {
        self.until(|ledger| !ledger.holds(id)).await;
    }

    /// `id` takes effect. Says how often that happened, this time included.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn apply(&self, id: &str) -> std::io::Result<u32> {
        self.write(&format!("{id}\n"))?;
        let mut counts = self.shared.counts.lock();
        let count = bump(&mut counts.effects, id);
        counts.applied.push(id.to_owned());
        drop(counts);
        self.shared.changed.send_replace(());
        Ok(count)
    }

    /// The same, once for each call: effect and journal are one write, as they would be one
    /// transaction of a database. `None` where the call took effect before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn apply_once(&self, id: &str, call: &str) -> std::io::Result<Option<u32>> {
        let mut counts = self.shared.counts.lock();
        if !counts.journal.insert(call.to_owned()) {
            return Ok(None);
        }
        self.write(&format!("{id}\t{call}\n"))?;
        let count = bump(&mut counts.effects, id);
        drop(counts);
        self.shared.changed.send_replace(());
        Ok(Some(count))
    }

    fn write(&self, line: &str) -> std::io::Result<()> {
        let file = self.shared.file.as_ref();
        file.map_or(Ok(()), |mut file| file.write_all(line.as_bytes()))
    }

    /// A call of an account takes effect, in order.
    pub fn append(&self, account: &str, number: u32) {
        let mut counts = self.shared.counts.lock();
        counts.order.push((account.to_owned(), number));
        drop(counts);
        self.shared.changed.send_replace(());
    }

    /// How often work on `id` began.
    #[must_use]
    pub fn begun(&self, id: &str) -> u32 {
        count(&self.shared.counts.lock().begun, id)
    }

    /// How often `id` took effect.
    #[must_use]
    pub fn effects(&self, id: &str) -> u32 {
        count(&self.shared.counts.lock().effects, id)
    }

    /// The ids that took effect, in the order in which they did.
    #[must_use]
    pub fn applied(&self) -> Vec<String> {
        self.shared.counts.lock().applied.clone()
    }

    /// How many effects there were under any id.
    #[must_use]
    pub fn all_effects(&self) -> u32 {
        self.shared.counts.lock().effects.values().sum()
    }

    /// The numbers of an account's calls, in the order in which they took effect.
    #[must_use]
    pub fn order(&self, account: &str) -> Vec<u32> {
        let counts = self.shared.counts.lock();
        let of_account = counts.order.iter().filter(|(own, _)| own == account);
        of_account.map(|(_, number)| *number).collect()
    }

    /// How many handlers run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.shared.running.load(Ordering::SeqCst)
    }

    /// Ends when the condition holds; looked at after each change.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        while !holds(self) {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ledger.shared.running.fetch_sub(1, Ordering::SeqCst);
        self.ledger.shared.changed.send_replace(());
    }
}

fn bump(counts: &mut HashMap<String, u32>, id: &str) -> u32 {
    let count = counts.entry(id.to_owned()).or_default();
    *count += 1;
    *count
}

fn count(counts: &HashMap<String, u32>, id: &str) -> u32 {
    counts.get(id).copied().unwrap_or_default()
}
