//! The whole platform, driven from outside: its binaries are started and spoken to over the
//! network, and what they leave behind is read with nothing of their own.
//!
//! Each case of [`on_every_platform`] runs over standalone, and with the feature `real` over the
//! three processes on real servers (`TEST_KAFKA_BROKERS`, `TEST_DATABASE_URL` and `TEST_REDIS_URL`
//! say where, as `cargo xtask test` does). The binaries are taken from `TROLLEYBUS_BIN_DIR`, or
//! from `target/debug`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod accounts;
mod harness;

/// One test per case and platform.
macro_rules! on_every_platform {
    ($($module:ident::$case:ident),* $(,)?) => {
        mod standalone {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::$module::$case(crate::harness::Platform::standalone().await).await;
            })*
        }
        #[cfg(feature = "real")]
        mod processes {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::$module::$case(crate::harness::Platform::processes().await).await;
            })*
        }
    };
}

on_every_platform! {
    accounts::a_new_account_signs_in_and_refreshes,
    accounts::every_new_account_is_welcomed_once,
    accounts::health_pages_answer,
}
