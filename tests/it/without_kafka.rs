//! Gateways that call the user service over HTTP/2, without Kafka, and count calls together in Redis.

use reqwest::Method;
use uuid::Uuid;

use crate::harness::{
    Account, Client, LOGS, PATIENCE, Parts, Platform, Process, eventually, servers,
};

/// What these gateways may not have more often than this in an hour, of one address.
const LOGINS: usize = 2;

/// A gateway before the platform's user service.
async fn gateway(platform: &Platform) -> (Process, Client) {
    let Parts::Processes(parts) = &platform.parts else {
        panic!("the platform is no processes");
    };
    let limit = format!("auth.v1.AuthService/Login={LOGINS}/1h/address");
    let env = [
        ("PORT", "0".to_owned()),
        ("ADMIN_PORT", "0".to_owned()),
        (LOGS.0, LOGS.1.to_owned()),
        ("REDIS_URL", servers::redis()),
        ("PASETO_ACCESS_KEY", parts.settings.key("PASETO_ACCESS_KEY")),
        (
            "PASETO_REFRESH_KEY",
            parts.settings.key("PASETO_REFRESH_KEY"),
        ),
        (
            "UPSTREAMS",
            format!("user.v1.UserService={}", platform.user),
        ),
        ("RATE_LIMITS", limit),
        ("TRUSTED_PROXIES", "1".to_owned()),
    ];
    let process = Process::start("trolleybus-gateway", &env);
    let client = Client::new(&format!("http://{}", process.address().await));
    let ready = async || (client.get("/readyz").await.status == 200).then_some(());
    eventually("the gateway being ready", PATIENCE, ready).await;
    (process, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_work_and_two_gateways_count_together() {
    let platform = Platform::processes().await;
    let (_one, one) = gateway(&platform).await;
    let (_two, two) = gateway(&platform).await;
    let account = Account::new("vera");
    let user = one.register(&account).await.json(201)["user"].clone();
    // An address that no run before this one had.
    let address = std::net::Ipv6Addr::from(Uuid::new_v4().as_u128());
    let login = async |client: &Client| {
        let request = client.request(Method::POST, "/api/v1/auth/login");
        let request = request.header("x-forwarded-for", address.to_string());
        client.send(request.json(&account.credentials())).await
    };
    let logged_in = login(&one).await.json(200);
    let token = logged_in["accessToken"].as_str().unwrap();
    assert_eq!(two.profile(token).await.json(200), user);
    // Not through the bus: the platform's own gateway knows the same user.
    assert_eq!(platform.client.profile(token).await.json(200), user);
    let last = login(&two).await;
    assert_eq!(last.header("ratelimit-remaining"), Some("0"));
    last.json(200);
    for client in [&one, &two] {
        assert_eq!(login(client).await.status, 429);
    }
}
