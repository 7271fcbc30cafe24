//! A Kafka that asks for TLS and passwords, and allows each process only what it needs.
//!
//! `TROLLEYBUS_XTASK` starts it; `cargo xtask test` says where that is.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bus::acl::{self, Process};
use bus::dead_letter::{DeadLetters, Redrive, Selection};
use bus::server::ServerOptions;
use bus::settings::security::{Identity, Mechanism, Sasl, Tls};
use bus::{KafkaChannel, KafkaServer, Settings, topics};
use chassis::contract::Contract;
use chassis::health::{Health, State};
use test_contract::echo::NoteRequest;
use test_contract::echo::echo_service_client::EchoServiceClient;
use test_contract::echo::note_service_client::NoteServiceClient;
use test_contract::{ECHO, Echo, NOTE};
use tonic::Code;

use crate::calls::echo;
use crate::harness::{contract, keys, within};

mod broker;

use broker::Secured;

/// Past the last of a request's attempts.
const DEAD: u32 = Code::InvalidArgument as u32;

/// A caller and a worker, with a group and topics of their own.
struct World {
    contract: Arc<Contract>,
    app: String,
}

// === impl World ===

impl World {
    fn new(prefix: &str) -> Self {
        Self {
            contract: contract(&format!("{prefix}.")),
            app: format!("{prefix}.app"),
        }
    }

    fn plan(&self) -> Vec<topics::TopicSpec> {
        let mut plan = topics::plan(&self.contract, &[&self.app], 1);
        for topic in &mut plan {
            topic.partitions = 1;
        }
        plan
    }

    fn serve(&self, settings: &Settings, service: &Echo) -> (KafkaServer, Health) {
        let health = Health::default();
        let mut options = ServerOptions::new(&self.app, &[ECHO, NOTE]);
        options.journaled = true;
        let (routes, component) = (service.routes().prepare(), health.component("kafka"));
        let server = KafkaServer::start(settings, &self.contract, options, routes, component);
        (server.unwrap(), health)
    }

    fn call(&self, settings: &Settings) -> (KafkaChannel, Health) {
        let health = Health::default();
        let (contract, component) = (Arc::clone(&self.contract), health.component("kafka"));
        let channel = KafkaChannel::start(settings, contract, &self.app, component);
        (channel.unwrap(), health)
    }

    /// What the worker does.
    fn worker<'a>(&'a self, answers: &'a [&'a str]) -> Process<'a> {
        Process {
            serves: &[ECHO, NOTE],
            group: &self.app,
            answers,
            redrives: true,
            ..Process::default()
        }
    }

    /// What the caller does.
    fn caller(&self) -> Process<'_> {
        Process {
            calls_as: Some(&self.app),
            ..Process::default()
        }
    }
}

fn settings(addresses: &str, name: &str) -> Settings {
    Settings::new(addresses, name, keys())
}

fn over_tls(addresses: &str, tls: Tls) -> Settings {
    let mut settings = settings(addresses, "tls");
    settings.security.tls = Some(tls);
    settings
}

/// A user whose name is its password.
fn user(broker: &Secured, name: &str, mechanism: Mechanism) -> Settings {
    let mut settings = over_tls(&broker.users, broker.tls());
    settings.security.sasl = Some(Sasl {
        mechanism,
        username: name.into(),
        password: name.to_owned().into(),
    });
    settings
}

/// The reason why a process is not ready, as soon as it says all of these.
async fn reason(health: &Health, says: &[&str]) -> String {
    let told = |states: &BTreeMap<String, State>| match &states["kafka"] {
        State::Down(reason) if says.iter().all(|text| reason.contains(text)) => {
            Some(reason.clone())
        }
        _ => None,
    };
    let mut states = health.subscribe();
    let found = tokio::time::timeout(Duration::from_secs(30), async {
        let found = states.wait_for(|states| told(states).is_some()).await;
        told(&found.unwrap()).unwrap()
    });
    let found = found.await;
    found.unwrap_or_else(|_| panic!("{says:?} is not said: {:?}", health.states()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_answered_over_tls_and_with_every_kind_of_proof() {
    let Some(broker) = Secured::get() else { return };
    let plain = user(broker, "admin", Mechanism::Plain);
    let ways = [
        ("tls", over_tls(&broker.tls, broker.tls())),
        ("mutual", over_tls(&broker.mutual, broker.tls_as_client())),
        ("plain", plain),
        ("scram256", user(broker, "admin", Mechanism::ScramSha256)),
        ("scram512", user(broker, "admin", Mechanism::ScramSha512)),
    ];
    for (name, settings) in ways {
        let world = World::new(name);
        let plan = world.plan();
        within(topics::apply(&settings, &plan, Some(1)))
            .await
            .unwrap();
        let (server, serving) = world.serve(&settings, &Echo::default());
        let (channel, calling) = world.call(&settings);
        within(async { tokio::join!(serving.ready(), calling.ready()) }).await;
        let mut client = EchoServiceClient::new(channel.clone());
        let answer = within(client.echo(echo(name))).await.unwrap();
        assert_eq!(answer.into_inner().text, name);
        channel.shutdown().await;
        server.shutdown(Duration::from_secs(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_connection_says_why_and_ends() {
    let Some(broker) = Secured::get() else { return };
    let mut stranger = user(broker, "admin", Mechanism::ScramSha256);
    let sasl = stranger.security.sasl.as_mut().unwrap();
    sasl.password = "hunter2".to_owned().into();
    let mut plain = stranger.clone();
    plain.security.sasl.as_mut().unwrap().mechanism = Mechanism::Plain;
    let other = Tls {
        ca: Some(broker.file("other-ca.pem")),
        ..Tls::default()
    };
    let user = "refuses the user; check KAFKA_SASL_USERNAME";
    let tls = "no TLS with the Kafka broker at 127.0.0.1:";
    let cases = [
        (stranger, [user, "SCRAM-SHA-256"]),
        (plain, [user, "Authentication failed"]),
        (over_tls(&broker.tls, other), [tls, "certificate"]),
        (over_tls(&broker.mutual, broker.tls()), [tls, "certificate"]),
        (over_tls(&broker.open, broker.tls()), [tls, "SSL"]),
    ];
    let world = World::new("refused");
    for (settings, says) in cases {
        let error = within(topics::apply(&settings, &world.plan(), Some(1))).await;
        let error = error.unwrap_err().to_string();
        assert!(says.iter().all(|text| error.contains(text)), "{error}");
        let (server, serving) = world.serve(&settings, &Echo::default());
        let (channel, calling) = world.call(&settings);
        for reason in [reason(&serving, &says).await, reason(&calling, &says).await] {
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        let stopped = async {
            channel.shutdown().await;
            server.shutdown(Duration::from_secs(2)).await;
        };
        within(stopped).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_access_rules_are_enough_and_each_that_is_missing_is_named() {
    let Some(broker) = Secured::get() else { return };
    let world = World::new("ruled");
    let (contract, app) = (&world.contract, world.app.as_str());
    let [maker, caller, worker] =
        ["topics", "caller", "worker"].map(|name| user(broker, name, Mechanism::ScramSha512));
    let plan = world.plan();

    let error = topics::apply(&maker, &plan, Some(1)).await.unwrap_err();
    let named = format!("reply.{app}: the broker denies it; allow what `topics acls --apply`");
    assert!(error.to_string().contains(&named), "{error}");
    broker.allow(&acl::of_apply(&plan), "User:topics");
    within(topics::apply(&maker, &plan, Some(1))).await.unwrap();
    within(topics::apply(&maker, &plan, Some(1))).await.unwrap();

    let service = Echo::default();
    let (server, serving) = world.serve(&worker, &service);
    let (channel, calling) = world.call(&caller);
    let hidden = "denies this process worker the topics";
    reason(
        &serving,
        &[hidden, "ruled.echo.echo", "ruled.note.note.dlq"],
    )
    .await;
    let hidden = "denies this process caller the topics";
    reason(&calling, &[hidden, "reply.ruled.app", "ruled.echo.echo"]).await;

    let answers = [app];
    let rules = acl::of(contract, &world.worker(&answers));
    let (groups, others): (Vec<_>, Vec<_>) = rules
        .into_iter()
        .partition(|acl| acl.resource == acl::Resource::Group);
    broker.allow(&others, "User:worker");
    reason(
        &serving,
        &["denies this process worker the group ruled.app"],
    )
    .await;
    broker.allow(&groups, "User:worker");
    broker.allow(&acl::of(contract, &world.caller()), "User:caller");
    within(async { tokio::join!(serving.ready(), calling.ready()) }).await;

    let mut calls = EchoServiceClient::new(channel.clone());
    let answer = within(calls.echo(echo("ruled"))).await.unwrap();
    assert_eq!(answer.into_inner().text, "ruled");
    let mut notes = NoteServiceClient::new(channel.clone());
    let note = |id: &str, code, fail_times| NoteRequest {
        id: id.into(),
        fail_code: code,
        fail_times,
        ..NoteRequest::default()
    };
    let retried = note("retried", Code::Unavailable as u32, 1);
    within(notes.note(retried)).await.unwrap();
    within(notes.note(note("dead", DEAD, 1))).await.unwrap();
    let both = |ledger: &test_contract::Ledger| {
        ledger.effects("retried") == 1 && ledger.begun("dead") == 1
    };
    within(service.ledger.until(both)).await;

    let letters = DeadLetters::new(&worker, contract, &[NOTE], app);
    let redrive = Redrive {
        topic: "ruled.note.note".into(),
        selection: Selection::All,
        per_second: 1000.try_into().unwrap(),
        limit: u64::MAX,
    };
    within(async {
        // It is on its way when the handler has failed.
        while letters.redrive(&redrive).await.unwrap().sent == 0 {}
    })
    .await;
    let handled = |ledger: &test_contract::Ledger| ledger.effects("dead") == 1;
    within(service.ledger.until(handled)).await;
    channel.shutdown().await;
    server.shutdown(Duration::from_secs(2)).await;
}

impl Secured {
    /// Runs the printed command lines.
    fn allow(&self, acls: &[acl::Acl], principal: &str) {
        let path = std::env::var("PATH").unwrap();
        for line in acl::commands(acls, &self.open, principal, None) {
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]);
            let path = format!("{}:{path}", self.dir.display());
            let output = shell.env("PATH", path).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{line}: {errors}");
        }
    }

    fn tls_as_client(&self) -> Tls {
        Tls {
            identity: Some(Identity {
                cert: self.file("client.pem"),
                key: self.file("client.key"),
                key_password: None,
            }),
            ..self.tls()
        }
    }
}
