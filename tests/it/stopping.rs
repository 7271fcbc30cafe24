//! Ending, gently and not, and what is there afterwards.

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::accounts::text;
use crate::harness::{Account, PATIENCE, Platform, Process, Standalone, standalone, within};
use crate::sessions::ended_session;

pub(crate) async fn an_idle_platform_ends_soon_after_a_signal(mut platform: Platform) {
    platform.client.registered(&Account::new("ada")).await;
    for (process, signal) in
        platform
            .all()
            .into_iter()
            .zip([Signal::SIGTERM, Signal::SIGINT, Signal::SIGTERM])
    {
        process.signal(signal);
        let (status, took) = process.exit(PATIENCE).await;
        println!("{signal}: {status} after {took:?}");
        assert!(status.success(), "{status}");
        process.log.line(&format!("{signal}: stopping")).await;
    }
}

/// Passwords take their time, one after the other: the answer to the first of two says that the
/// second is being hashed.
pub(crate) fn slow_hashes() -> [(&'static str, String); 3] {
    [
        ("HASH_CONCURRENCY", "1".to_owned()),
        ("ARGON2_ITERATIONS", "2".to_owned()),
        ("ARGON2_MEMORY_KIB", "65536".to_owned()),
    ]
}

/// Signals the process that `which` picks while a call is under way, which must still be answered.
pub(crate) async fn finishes_what_is_under_way(mut platform: Platform, which: usize) {
    let call = |name| {
        let (client, account) = (platform.client.clone(), Account::new(name));
        tokio::spawn(async move { client.register(&account).await })
    };
    let (mut one, mut other) = (call("ada"), call("grace"));
    let (first, last) = tokio::select! {
        first = &mut one => (first, other),
        first = &mut other => (first, one),
    };
    first.unwrap().json(201);
    assert!(!last.is_finished());
    let process = platform.all().remove(which);
    process.signal(Signal::SIGTERM);
    last.await.unwrap().json(201);
    let (status, _) = process.exit(PATIENCE).await;
    assert!(status.success(), "{status}");
}

pub(crate) async fn a_request_that_arrives_slowly_is_answered(mut platform: Platform) {
    let body = Account::new("ada").registration().to_string();
    let (begin, end) = body.split_at(10);
    let head = format!(
        "POST /api/v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    let address = platform.client.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The gateway asks for the body, so it has begun with the request.
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(begin.as_bytes()).await.unwrap();

    let gateway = platform.all().remove(0);
    gateway.signal(Signal::SIGTERM);
    gateway.log.line("SIGTERM: stopping").await;
    stream.write_all(end.as_bytes()).await.unwrap();

    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    within("an answer", PATIENCE, read).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(gateway.exit(PATIENCE).await.0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standalone_finishes_a_call_that_is_under_way() {
    finishes_what_is_under_way(Standalone::in_new_folder(&slow_hashes()).await, 0).await;
}

/// Ends standalone with a signal and starts it again in the same folder.
async fn restarted(mut platform: Platform, signal: Signal) -> Platform {
    let process = platform.all().remove(0);
    process.signal(signal);
    process.exit(PATIENCE).await;
    let dir = platform.folder().unwrap();
    drop(platform);
    Standalone::in_folder(dir, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standalone_keeps_accounts_and_sessions_over_a_restart() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let (platform, account) = (Platform::standalone().await, Account::new("ada"));
        let registered = platform.client.registered(&account).await;
        let platform = restarted(platform, signal).await;
        let profile = platform
            .client
            .profile(text(&registered, "accessToken"))
            .await;
        assert_eq!(profile.json(200), registered["user"]);
        platform
            .client
            .refresh(text(&registered, "refreshToken"))
            .await
            .json(200);
        platform.client.login(&account).await.json(200);
        platform
            .client
            .register(&account)
            .await
            .refused(409, "EMAIL_TAKEN");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_one_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for setting in ["PORT", "USER_GRPC_PORT", "NOTIFICATION_GRPC_PORT"] {
        let dir = tempfile::TempDir::new().unwrap();
        let mut env = standalone::settings(&dir);
        env.iter_mut()
            .find(|(name, _)| *name == setting)
            .unwrap()
            .1
            .clone_from(&port);
        let mut process = Process::start("trolleybus", &env);
        let (status, _) = process.exit(PATIENCE).await;
        assert_eq!(status.code(), Some(1));
        let written = process.written().await;
        let told: Vec<_> = written.iter().filter(|line| line.contains(&port)).collect();
        assert_eq!(told.len(), 1, "{written:#?}");
        assert!(
            told[0].contains(&format!("choose another port with {setting}")),
            "{told:?}"
        );
        assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_at_once() {
    let mut platform = Platform::standalone().await;
    // A request that never ends holds up the soft stop.
    let url = platform
        .client
        .url
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let mut stream = TcpStream::connect(&url).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    platform
        .client
        .post("/api/v1/auth/login", &json!({}))
        .await
        .refused(400, "INVALID_REQUEST");
    let process = platform.all().remove(0);
    process.signal(Signal::SIGTERM);
    process.log.line("SIGTERM: stopping").await;
    process.signal(Signal::SIGTERM);
    let (status, took) = process.exit(PATIENCE).await;
    println!("ended by the second signal after {took:?}");
    assert_eq!(status.code(), Some(130));
    drop(stream);
}

#[cfg(feature = "real")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_finishes_a_call_that_is_under_way() {
    use crate::harness::Processes;
    for (which, name) in ["gateway", "user"].into_iter().enumerate() {
        println!("the {name} is stopped");
        finishes_what_is_under_way(Processes::start(&slow_hashes()).await, which).await;
    }
}

#[cfg(feature = "real")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_stays_ended_when_the_gateway_starts_again() {
    let mut platform = Platform::processes().await;
    let token = ended_session(&platform).await;
    platform.processes_mut().gateway.kill().await;
    platform.client = platform.processes_mut().start_gateway().await;
    platform.ready(PATIENCE).await;
    platform
        .client
        .profile(&token)
        .await
        .refused(401, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_session_stays_ended_when_standalone_starts_again() {
    let platform = Platform::standalone().await;
    let token = ended_session(&platform).await;
    let platform = restarted(platform, Signal::SIGTERM).await;
    platform
        .client
        .profile(&token)
        .await
        .refused(401, "SESSION_REVOKED");
}
