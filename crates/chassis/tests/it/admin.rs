//! The admin port.

use chassis::admin::Admin;
use chassis::health::Health;
use chassis::metrics::{CONTENT_TYPE, Metrics, Name};
use chassis::shutdown::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CALLS: Name = Name {
    name: "test_calls",
    help: "Calls that were made",
};

/// The answer, its head in lower case.
async fn get(admin: &Admin, path: &str) -> String {
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn start(metrics: &Metrics, health: &Health, shutdown: &Shutdown) -> Admin {
    let (metrics, health) = (metrics.clone(), health.clone());
    let admin = Admin::start("127.0.0.1", 0, metrics, health, shutdown.clone()).await;
    admin.unwrap()
}

#[tokio::test]
async fn metrics_are_open_metrics_and_tell_which_components_are_up() {
    let (metrics, health) = (Metrics::default(), Health::default());
    let admin = start(&metrics, &health, &Shutdown::default()).await;
    metrics.counter(CALLS, &[]).inc();
    let kafka = health.component("kafka");
    let answer = get(&admin, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(CONTENT_TYPE), "{answer}");
    assert!(answer.contains("\ntest_calls_total 1\n"), "{answer}");
    assert!(
        answer.contains("component_up{component=\"kafka\"} 0"),
        "{answer}"
    );
    // Why it is down names an address, which is nothing for a metric.
    kafka.down("nothing answers at broker.internal:9092");
    let answer = get(&admin, "/metrics").await;
    assert!(!answer.contains("broker.internal"), "{answer}");
    kafka.up();
    let answer = get(&admin, "/metrics").await;
    assert!(
        answer.contains("component_up{component=\"kafka\"} 1"),
        "{answer}"
    );
}

#[tokio::test]
async fn readiness_follows_the_components_and_the_stop_and_liveness_does_not() {
    let (metrics, health, shutdown) = (Metrics::default(), Health::default(), Shutdown::default());
    let admin = start(&metrics, &health, &shutdown).await;
    let kafka = health.component("kafka");
    assert!(get(&admin, "/readyz").await.starts_with("HTTP/1.1 503"));
    kafka.up();
    assert!(get(&admin, "/readyz").await.starts_with("HTTP/1.1 200"));
    shutdown.begin();
    assert!(get(&admin, "/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(get(&admin, "/livez").await.starts_with("HTTP/1.1 200"));
}
