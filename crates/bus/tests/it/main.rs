//! The promises of the bus, each tested over every broker there is: the embedded one, and a real
//! Kafka where the feature `real` is on (`TEST_KAFKA_BROKERS` says where).
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod harness;
mod promises;
mod wire;

/// One test per promise and broker.
macro_rules! on_every_broker {
    ($($module:ident::$promise:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                crate::$module::$promise(crate::harness::Broker::embedded()).await;
            })*
        }
        #[cfg(feature = "real")]
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                crate::$module::$promise(crate::harness::Broker::real().await).await;
            })*
        }
    };
}

on_every_broker! {
    promises::a_call_is_answered,
    promises::an_error_keeps_its_code_message_and_details,
    promises::a_call_without_a_service_ends_by_its_deadline,
    promises::a_panic_is_an_internal_error_and_the_next_call_is_answered,
    promises::an_event_is_handled_again_until_it_succeeds,
    promises::an_event_that_cannot_be_handled_is_set_aside_byte_for_byte,
    promises::many_calls_at_once_each_get_their_own_answer,
    promises::metadata_travels_both_ways,
    promises::a_message_over_the_limit_is_refused_before_it_is_sent,
    promises::a_slow_handler_does_not_hold_up_others,
    promises::nothing_pends_after_a_call_is_dropped,
    promises::a_stop_does_not_wait_for_an_event_that_waits,
    promises::a_stopped_server_leaves_nothing_undone_to_the_next,
    wire::a_request_and_its_reply_are_what_the_contract_says,
    wire::a_secret_is_in_no_byte_of_any_topic,
    wire::a_forged_request_is_not_executed,
    wire::a_stale_request_is_answered_and_not_executed,
    wire::a_readdressed_request_is_not_executed,
}

/// What the embedded broker does not have: static membership.
#[cfg(feature = "real")]
mod kafka_alone {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_whose_instance_id_is_taken_goes_on() {
        let broker = crate::harness::Broker::real().await;
        crate::promises::a_member_whose_instance_id_is_taken_goes_on(broker).await;
    }
}
