//! What one case has to itself: its turn on the brokers, topics, a file of effects.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bus::KafkaChannel;
use bus::topics::TopicSpec;
use bus_tests::args::{self, BusArgs};
use bus_tests::call::Method;
use chassis::contract::Contract;
use chassis::health::Health;
use clap::ValueEnum as _;
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use super::clock;
use super::kafka::Kafka;
use super::process::Process;
use super::set::Set;
use super::wait::{PATIENCE, within};

/// The partitions of each request topic.
const PARTITIONS: i32 = 2;

/// The partitions of the reply topic: callers of a case may share one.
const REPLY_PARTITIONS: i32 = 2;

/// Every partition is on each broker.
const REPLICAS: i32 = 3;

/// The surroundings of one case.
pub(crate) struct World {
    pub(crate) case: &'static str,
    pub(crate) set: &'static Set,
    pub(crate) kafka: Kafka,
    pub(crate) bus: BusArgs,
    pub(crate) contract: Arc<Contract>,
    dir: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// A caller, and what it calls.
pub(crate) struct Caller {
    pub(crate) method: Method,
    pub(crate) process: Process,
}

// === impl World ===

impl World {
    /// Waits for its turn, and makes its topics. `None`, and a line that says so, where there are no
    /// brokers to break.
    pub(crate) async fn new(case: &'static str) -> Option<Self> {
        static TURN: Mutex<()> = Mutex::const_new(());
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let turn = TURN.lock().await;
        let set = Set::get()?;
        set.heal().await;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let bus = BusArgs {
            brokers: set.brokers.clone(),
            prefix: format!("c{}-{number}.", std::process::id()),
        };
        let world = Self {
            case,
            set,
            kafka: Kafka(set.brokers.clone()),
            contract: bus.contract(),
            bus,
            dir: tempfile::tempdir().unwrap(),
            _turn: turn,
        };
        world.forget_the_last().await;
        world.make_topics().await;
        Some(world)
    }

    /// Deletes the topics of the case before: what a killed broker has to look through when it comes
    /// back is what each case after it waits for.
    async fn forget_the_last(&self) {
        static LAST: parking_lot::Mutex<Vec<String>> = parking_lot::Mutex::new(Vec::new());
        let planned = bus::topics::plan(&self.contract, &[&self.app()], PARTITIONS);
        let own = planned.into_iter().map(|topic| topic.name).collect();
        let last = std::mem::replace(&mut *LAST.lock(), own);
        if !last.is_empty() {
            within("the old topics", PATIENCE, self.kafka.delete(&last)).await;
        }
    }

    /// Makes the topics that are not there.
    pub(crate) async fn make_topics(&self) {
        let planned = bus::topics::plan(&self.contract, &[&self.app()], PARTITIONS);
        let reply = self.reply_topic();
        let topics: Vec<TopicSpec> = planned
            .into_iter()
            .map(|topic| TopicSpec {
                partitions: if topic.name == reply {
                    REPLY_PARTITIONS
                } else {
                    topic.partitions
                },
                ..topic
            })
            .collect();
        let made = bus::topics::apply(&self.bus.brokers, &topics, Some(REPLICAS));
        within("the topics", PATIENCE, made).await.unwrap();
    }

    pub(crate) fn app(&self) -> String {
        args::app(&self.bus.prefix)
    }

    pub(crate) fn group(&self) -> String {
        args::group(&self.bus.prefix)
    }

    pub(crate) fn reply_topic(&self) -> String {
        bus::topics::reply_topic(&self.app())
    }

    pub(crate) fn topic(&self, method: Method) -> String {
        self.contract.get(method.path()).unwrap().topic.clone()
    }

    /// Whether this machine can start processes whose clock is shifted; a line says why not.
    pub(crate) fn can_shift_clocks(&self) -> bool {
        clock::library(self.dir.path()).is_some()
    }

    /// A worker that is ready.
    pub(crate) async fn worker(&self, flags: &[&str]) -> Process {
        let worker = self.start_worker(flags);
        worker.ready().await;
        worker
    }

    /// A worker that begins.
    pub(crate) fn start_worker(&self, flags: &[&str]) -> Process {
        self.worker_at(None, flags)
    }

    /// A worker that begins, whose clock is shifted by seconds.
    pub(crate) fn worker_at(&self, shift: Option<i32>, flags: &[&str]) -> Process {
        let mut command = self.command(env!("CARGO_BIN_EXE_bus-worker"), shift);
        command
            .arg("--effects")
            .arg(self.effects_file())
            .args(flags);
        Process::start("worker", command.into())
    }

    /// A caller that begins to call as soon as it is ready. Its ids begin with `id`.
    pub(crate) fn caller(&self, id: &str, method: Method, flags: &[&str]) -> Caller {
        self.caller_at(None, id, method, flags)
    }

    /// The same with its clock shifted by seconds.
    pub(crate) fn caller_at(
        &self,
        shift: Option<i32>,
        id: &str,
        method: Method,
        flags: &[&str],
    ) -> Caller {
        let mut command = self.command(env!("CARGO_BIN_EXE_bus-caller"), shift);
        let name = method.to_possible_value().unwrap();
        command
            .args(["--id", id, "--method", name.get_name()])
            .args(flags);
        let process = Process::start("caller", command.into());
        Caller { method, process }
    }

    fn command(&self, program: &str, shift: Option<i32>) -> Command {
        let mut command = Command::new(program);
        command.args(["--brokers", &self.bus.brokers, "--prefix", &self.bus.prefix]);
        if let Some(seconds) = shift {
            let library = clock::library(self.dir.path()).expect("can_shift_clocks was asked");
            command
                .env("LD_PRELOAD", library)
                .env("CLOCK_SHIFT", seconds.to_string());
        }
        command
    }

    /// A channel in this process that is ready.
    pub(crate) async fn channel(&self) -> KafkaChannel {
        let health = Health::default();
        let settings = self.bus.settings("cases");
        let component = health.component("kafka");
        let contract = Arc::clone(&self.contract);
        let channel = KafkaChannel::start(&settings, contract, &self.app(), component).unwrap();
        within("a channel that is ready", PATIENCE, health.ready()).await;
        channel
    }

    fn effects_file(&self) -> PathBuf {
        self.dir.path().join("effects")
    }

    /// How often each id took effect.
    pub(crate) fn effects(&self) -> HashMap<String, u64> {
        let mut counts = HashMap::new();
        // There is no file before the first worker.
        let text = std::fs::read_to_string(self.effects_file()).unwrap_or_default();
        for line in text.lines() {
            let id = line.split('\t').next().unwrap_or_default();
            *counts.entry(id.to_owned()).or_default() += 1;
        }
        counts
    }
}
