//! Processes and servers that go away while the platform runs, and come back. Nothing else is
//! restarted.

use std::time::{Duration, Instant};

use reqwest::Method;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::accounts::text;
use crate::grpc::connect;
use crate::harness::infra::Infra;
use crate::harness::{Account, Answer, PATIENCE, Platform, eventually};
use crate::sessions::ended_session;

/// How long it may take until all is well again on such a machine: a broker that was killed reads all
/// its logs when it starts.
const RECOVERY: Duration = Duration::from_secs(90);

/// An answer that must be an error, of the kind that passes, within the patience of the client. How
/// long it took is told and no more: a machine that is busy with other tests adds what it likes.
async fn unavailable(what: &str, call: impl Future<Output = Answer>) -> Answer {
    let begun = Instant::now();
    let answer = call.await;
    let took = begun.elapsed();
    println!(
        "{what}: {} after {took:?}: {}",
        answer.status,
        answer.text()
    );
    assert!(
        [503, 504].contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    answer.refused(answer.status, text(&body["details"][0], "reason"));
    assert_eq!(answer.header("retry-after").is_some(), answer.status == 503);
    answer
}

/// Ends when the call succeeds; says how long that took.
async fn recovered(what: &str, mut call: impl AsyncFnMut() -> Answer) {
    let look = async || (call().await.status == 200).then_some(());
    let took = eventually(what, RECOVERY, look).await.1;
    println!("{what}: well again after {took:?}");
}

/// Whether everything works.
async fn works(platform: &Platform) {
    let account = Account::new("after");
    let registered = platform.client.registered(&account).await;
    platform.client.login(&account).await.json(200);
    platform
        .client
        .profile(text(&registered, "accessToken"))
        .await
        .json(200);
    platform
        .client
        .refresh(text(&registered, "refreshToken"))
        .await
        .json(200);
    platform.mail_to(&account.email).await;
    assert_eq!(platform.mails_to(&account.email).await.len(), 1);
}

/// Ends when the gateway says that it is not ready, though it lives.
async fn unready(platform: &Platform) {
    let look = async || (platform.client.get("/readyz").await.status == 503).then_some(());
    let took = eventually("a gateway that is not ready", PATIENCE, look)
        .await
        .1;
    println!("not ready after {took:?}");
    assert_eq!(platform.client.get("/health").await.status, 503);
    platform.client.get("/livez").await.json(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_service_is_killed_and_started_again() {
    let mut platform = Platform::processes().await;
    let (client, account) = (platform.client.clone(), Account::new("ada"));
    let registered = client.registered(&account).await;
    let token = text(&registered, "accessToken");
    for _ in 0..2 {
        platform.processes_mut().user.kill().await;
        let begun = Instant::now();
        let other = Account::new("grace");
        let (profile, login, register) = tokio::join!(
            unavailable("profile", client.profile(token)),
            unavailable("login", client.login(&account)),
            unavailable("register", client.register(&other)),
        );
        drop((profile, login, register));
        // A client with less time is told too.
        let hurried = client
            .request(Method::GET, "/api/v1/auth/profile")
            .bearer_auth(token);
        let hurried = client.send(hurried.header("grpc-timeout", "300m"));
        unavailable("profile in 300 ms", hurried).await;
        println!("killed for {:?}", begun.elapsed());
        platform.processes_mut().start_user();
        recovered("profile", async || client.profile(token).await).await;
        works(&platform).await;
        // What nobody was told of did not happen.
        client
            .login(&other)
            .await
            .refused(401, "INVALID_CREDENTIALS");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_waits_for_the_notification_service() {
    let mut platform = Platform::processes().await;
    platform.processes_mut().notification.kill().await;
    let accounts: Vec<_> = (0..5).map(|_| Account::new("ada")).collect();
    for account in &accounts {
        platform.client.registered(account).await;
    }
    platform.client.get("/readyz").await.json(200);
    platform.processes_mut().start_notification();
    let begun = Instant::now();
    for account in &accounts {
        platform.mail_to(&account.email).await;
    }
    println!("mails after {:?}", begun.elapsed());
    works(&platform).await;
    for account in &accounts {
        assert_eq!(platform.mails_to(&account.email).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_outlives_whoever_should_have_announced_it() {
    let mut platform = Platform::processes().await;
    for _ in 0..3 {
        let account = Account::new("ada");
        platform.client.registered(&account).await;
        // Whether or not the event has left by now.
        platform.processes_mut().user.kill().await;
        platform.processes_mut().start_user();
        platform.mail_to(&account.email).await;
        let client = platform.client.clone();
        recovered("login", async || client.login(&account).await).await;
        works(&platform).await;
        assert_eq!(platform.mails_to(&account.email).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_stops_and_starts_again() {
    let Some(infra) = Infra::own() else { return };
    let platform = Platform::processes().await;
    let (client, account) = (platform.client.clone(), Account::new("ada"));
    let registered = client.registered(&account).await;
    let token = text(&registered, "accessToken");
    let kafka = infra.stop("kafka").await;
    unavailable("profile", client.profile(token)).await;
    unready(&platform).await;
    unavailable("profile", client.profile(token)).await;
    unavailable("login", client.login(&account)).await;
    kafka.start().await;
    recovered("profile", async || client.profile(token).await).await;
    platform.ready(RECOVERY).await;
    works(&platform).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stops_and_starts_again() {
    let Some(infra) = Infra::own() else { return };
    let platform = Platform::processes().await;
    let (client, account) = (platform.client.clone(), Account::new("ada"));
    let registered = client.registered(&account).await;
    let token = text(&registered, "accessToken");
    let mut health = HealthClient::new(connect(&platform.user).await);
    let mut state = async || {
        let answer = health.check(HealthCheckRequest::default()).await.unwrap();
        answer.into_inner().status()
    };
    let postgres = infra.stop("postgres").await;
    unavailable("profile", client.profile(token))
        .await
        .refused(503, "DATABASE_UNAVAILABLE");
    unavailable("login", client.login(&account))
        .await
        .refused(503, "DATABASE_UNAVAILABLE");
    let other = Account::new("grace");
    let register = client.register(&other);
    unavailable("register", register)
        .await
        .refused(503, "DATABASE_UNAVAILABLE");
    let look = async || (state().await == ServingStatus::NotServing).then_some(());
    eventually("a user service that is not ready", PATIENCE, look).await;
    postgres.start().await;
    recovered("profile", async || client.profile(token).await).await;
    let look = async || (state().await == ServingStatus::Serving).then_some(());
    eventually("a user service that is ready", PATIENCE, look).await;
    works(&platform).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_stops_and_starts_again() {
    let Some(infra) = Infra::own() else { return };
    let platform = Platform::processes().await;
    let (client, account) = (platform.client.clone(), Account::new("ada"));
    let registered = client.registered(&account).await;
    let token = text(&registered, "accessToken");
    let ended = ended_session(&platform).await;
    let redis = infra.stop("redis").await;
    // A token of which nobody knows whether it was revoked is not trusted.
    let reason = "REVOCATIONS_UNAVAILABLE";
    unavailable("profile", client.profile(token))
        .await
        .refused(503, reason);
    client.login(&account).await.json(200);
    unready(&platform).await;
    redis.start().await;
    recovered("profile", async || client.profile(token).await).await;
    // The list of ended sessions was lost; the database knows.
    client.profile(&ended).await.refused(401, "SESSION_REVOKED");
    platform.ready(RECOVERY).await;
    works(&platform).await;
}
