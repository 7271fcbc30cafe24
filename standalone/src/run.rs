//! Starting everything, in the order of what needs what, and stopping it in the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use bus::{EmbeddedBroker, KafkaChannel};
use chassis::admin::Admin;
use chassis::config::Problems;
use chassis::contract::Contract;
use chassis::grpc::listen;
use chassis::health::Health;
use chassis::metrics::Metrics;
use chassis::shutdown::Shutdown;
use gateway::limits::Limiter;
use gateway::revocation::Revocations;
use gateway::settings::APP;
use gateway::{Gateway, server};
use notification::Notifications;
use user::config::UserConfig;
use user::session::{DEFAULT_IDLE_LIFETIME, DEFAULT_LIFETIME, SessionSettings};

use crate::keys;
use crate::settings::{Config, StandaloneArgs};

/// How long the embedded broker may hold events back: nobody waits for a mail as for a reply, and
/// every fetch costs the idle process.
const EVENT_FETCH_WAIT: Duration = Duration::from_millis(50);

/// How long a token of `service-token` holds.
const SERVICE_TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// Checks the settings.
pub(crate) fn check_config(args: &StandaloneArgs) -> Result<()> {
    let mut problems = Problems::default();
    let config = args.resolve(&mut problems);
    problems.finish(config)?;
    Ok(())
}

/// A token that lets its holder call internal methods over HTTP/2.
pub(crate) fn service_token(args: &StandaloneArgs) -> Result<String> {
    let keys = keys::open(&args.own.data_dir.join("keys"))?;
    Ok(keys
        .signer
        .issue_service("developer", SystemTime::now(), SERVICE_TOKEN_LIFETIME)?)
}

/// Serves until a signal comes.
pub(crate) async fn serve(args: &StandaloneArgs) -> Result<()> {
    let mut problems = Problems::default();
    let config = args.resolve(&mut problems);
    let config = problems.finish(config)?;
    let Config {
        http,
        contracts,
        data_dir,
        user_grpc_port,
        notification_grpc_port,
        hasher,
        mail,
        admin_port,
        log,
    } = config;
    log.install();
    let shutdown = Shutdown::default();
    shutdown.on_signals().context("the signal handlers")?;
    gateway::process::follow_certificates(http.tls.as_ref(), &contracts, &shutdown);
    // The services stop after the gateway: what it has taken, they have to answer.
    let services_shutdown = Shutdown::default();

    // Every port before anything else: what is taken is said at once, and nothing was begun.
    let (http_listener, http_address) = listen(&http.host, http.port, "PORT").await?;
    let (user_listener, user_address) =
        listen(&http.host, user_grpc_port, "USER_GRPC_PORT").await?;
    let (notification_listener, notification_address) =
        listen(&http.host, notification_grpc_port, "NOTIFICATION_GRPC_PORT").await?;
    let (health, metrics) = (Health::default(), Metrics::default());
    let pages = (metrics.clone(), health.clone(), shutdown.clone());
    let admin = Admin::start(&http.host, admin_port, pages.0, pages.1, pages.2).await?;

    chassis::command::private_folder(&data_dir)
        .with_context(|| format!("DATA_DIR {}", data_dir.display()))?;
    let keys = keys::open(&data_dir.join("keys"))?;
    let services = proto::bus_services();
    let services: Vec<_> = services.iter().map(String::as_str).collect();
    let contract = Arc::new(Contract::read(proto::descriptors(), &services)?);
    let called = contracts.bus();
    let broker = EmbeddedBroker::start(&bus::topics::plan(&called, &[APP], 1))?;
    let settings = |name: &str| broker.settings(name, keys.bus.clone());

    let notifications = Notifications::new(mail)?;
    let pages = match notifications.mailbox() {
        Some(mailbox) => notification::mailbox::page::router(mailbox.clone())?,
        None => Router::new(),
    };
    let notification = notification::server::run(
        notification::server::Parts {
            notifications,
            bus: bus::Settings {
                fetch_wait: EVENT_FETCH_WAIT,
                ..settings("trolleybus-notification")
            },
            contract: Arc::clone(&contract),
            verifier: keys.signer.verifier(),
            metrics: metrics.part("notification"),
            listener: notification_listener,
        },
        health.part("notification"),
        services_shutdown.clone(),
    );
    let notification = shutdown.spawn("the notification service", notification);
    let user = user::server::run(
        user::server::Parts {
            config: UserConfig {
                database: format!("sqlite:{}", data_dir.join("user.db").display()).parse()?,
                hasher,
                sessions: SessionSettings {
                    keys: keys.session,
                    idle_lifetime: DEFAULT_IDLE_LIFETIME,
                    lifetime: DEFAULT_LIFETIME,
                },
            },
            bus: settings("trolleybus-user"),
            contract,
            verifier: keys.signer.verifier(),
            metrics: metrics.part("user"),
            listener: user_listener,
            migrate: true,
        },
        health.part("user"),
        services_shutdown.clone(),
    );
    let user = shutdown.spawn("the user service", user);
    let kafka = health.part("gateway").component("kafka");
    let bus = bus::Settings {
        metrics: metrics.part("gateway"),
        ..settings("trolleybus-gateway")
    };
    let channel = KafkaChannel::start(&bus, called, APP, kafka)?;
    let gateway = Gateway::new(gateway::Parts {
        contracts,
        channel: Some(channel.clone()),
        tokens: gateway::Tokens::Minted {
            signer: keys.signer,
            refresh_keys: keys.refresh,
        },
        revocations: Revocations::in_memory(),
        health: health.clone(),
        metrics: metrics.part("gateway"),
        limiter: Limiter::in_memory(),
        edge: http.edge,
        pages,
    })
    .await?;

    let scheme = if http.tls.is_some() { "https" } else { "http" };
    let ready = health.clone();
    let admin_address = admin.address();
    tokio::spawn(async move {
        ready.ready().await;
        tracing::info!("ready");
        println!(
            "{}",
            welcome(
                &format!("{scheme}://{http_address}"),
                user_address,
                notification_address,
                admin_address
            )
        );
    });
    let stopping = shutdown.clone();
    let everything = async move {
        server::serve(http_listener, http.tls, gateway, stopping).await;
        channel.shutdown().await;
        services_shutdown.begin();
        let user = user.await.context("the user service")?;
        let notification = notification.await.context("the notification service")?;
        if !(user && notification) {
            bail!("a part of the platform failed; the log says which");
        }
        anyhow::Ok(())
    };
    let ended = shutdown.limit(everything).await;
    drop(admin);
    drop(broker);
    ended.unwrap_or(Ok(()))
}

fn welcome(
    gateway: &str,
    user: std::net::SocketAddr,
    notification: std::net::SocketAddr,
    admin: std::net::SocketAddr,
) -> String {
    format!(
        "
  Trolleybus is ready.

  REST, gRPC, gRPC-Web   {gateway}
  API documentation      {gateway}/api/docs
  Mailbox                {gateway}/dev/mailbox
  Health                 {gateway}/health
  gRPC, user service     {user}
  gRPC, notification     {notification}
  Metrics                http://{admin}/metrics

  Ctrl-C stops it."
    )
}
