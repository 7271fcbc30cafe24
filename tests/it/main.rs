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

#[cfg(feature = "real")]
mod absent;
mod accounts;
mod alone;
mod bad_input;
mod grpc;
mod harness;
mod load;
#[cfg(feature = "real")]
mod outages;
#[cfg(feature = "real")]
mod records;
mod secrets;
mod sessions;
mod settings;
mod stopping;
#[cfg(feature = "real")]
mod without_kafka;

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
    sessions::a_used_refresh_token_gives_the_same_generation_for_a_while,
    sessions::an_older_refresh_token_ends_the_session_and_its_access_tokens,
    sessions::a_session_is_good_for_what_it_was_opened_for,
    grpc::native_calls_give_the_same_user_as_rest,
    grpc::web_calls_give_the_same_user_as_rest,
    grpc::internal_methods_are_not_reachable_through_the_gateway,
    grpc::a_service_called_directly_keeps_the_same_rules,
    grpc::a_service_token_sends_mails_directly,
    grpc::reflection_and_health_answer_on_every_port,
    bad_input::bodies_that_are_no_request_are_refused,
    bad_input::bodies_of_the_wrong_size_or_form_are_refused,
    bad_input::paths_and_methods_that_do_not_exist_are_refused,
    bad_input::headers_without_end_are_refused,
    bad_input::tokens_that_are_not_good_are_refused,
    bad_input::what_is_taken_or_unknown_is_refused,
    secrets::a_secret_is_written_nowhere,
    stopping::a_request_that_arrives_slowly_is_answered,
    stopping::an_idle_platform_ends_soon_after_a_signal,
    load::a_crowd_is_answered,
    load::one_of_many_gets_an_address,
}
