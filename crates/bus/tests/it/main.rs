//! The promises of the bus, each tested over every broker there is: the embedded one, and a real
//! Kafka where the feature `real` is on (`TEST_KAFKA_BROKERS` says where). What must hold always is
//! checked after each of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod calls;
mod cancelling;
mod compat;
mod dead_letters;
mod events;
mod foreign;
mod harness;
mod idempotency;
mod lifecycle;
mod order;
#[cfg(all(feature = "real", feature = "kafka-tls"))]
mod secured;
mod streams;
#[cfg(feature = "real")]
mod topics;
mod trust;
mod undecodable;
mod wire;

/// One test per promise and broker, each on as many partitions as it says.
macro_rules! on_every_broker {
    ($($module:ident { $($promise:ident on $partitions:literal),* $(,)? })*) => {
        mod embedded {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let bus = crate::harness::Bus::embedded($partitions);
                    crate::$module::$promise(bus).await;
                })*
            })*
        }
        #[cfg(feature = "real")]
        mod kafka {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let bus = crate::harness::Bus::real($partitions).await;
                    crate::$module::$promise(bus).await;
                })*
            })*
        }
    };
}

on_every_broker! {
    calls {
        a_call_is_answered on 1,
        an_error_keeps_its_code_message_and_details on 1,
        a_call_without_a_service_ends_by_its_deadline on 1,
        a_panic_is_an_internal_error_and_the_next_call_is_answered on 1,
        many_calls_at_once_each_get_their_own_answer on 3,
        metadata_travels_both_ways on 1,
        what_is_left_of_the_deadline_reaches_the_handler on 1,
        a_message_at_the_limit_travels_and_one_byte_more_is_refused on 1,
        a_slow_handler_does_not_hold_up_others on 1,
        a_handler_that_burns_time_does_not_hold_up_others_for_long on 1,
        an_empty_message_is_no_missing_one on 1,
    }
    cancelling {
        a_dropped_call_leaves_nothing_and_its_handler_stops on 1,
        a_call_that_waits_its_turn_is_skipped_when_its_caller_goes on 1,
        a_call_that_must_not_run_twice_is_not_broken_off on 1,
        a_thousand_dropped_calls_leave_nothing_behind on 3,
    }
    dead_letters {
        a_dead_letter_is_counted_and_shown on 1,
        a_record_that_does_not_open_is_shown_without_its_value on 1,
        dead_letters_are_sent_again_once_as_they_were on 1,
        a_letter_sent_alone_is_not_sent_with_the_rest on 1,
        a_redrive_stops_at_its_limit_and_goes_on_from_there on 1,
        what_is_not_there_is_said on 1,
    }
    events {
        an_event_that_fails_waits_on_its_retry_topics_until_it_succeeds on 1,
        an_event_is_set_aside_after_the_last_pause on 1,
        an_event_that_cannot_be_handled_is_set_aside_at_once on 1,
        a_record_that_is_no_event_is_set_aside_and_stops_nothing on 1,
        what_waits_holds_up_neither_events_nor_calls on 3,
        events_of_one_key_are_handled_in_their_order on 3,
        an_event_in_order_is_tried_again_in_place_while_its_key_waits on 1,
        an_event_in_order_is_set_aside_and_the_next_of_its_key_goes_on on 1,
        a_key_that_waits_with_many_behind_it_stops_its_partition_alone on 1,
        a_stop_waits_for_no_event_and_the_next_server_takes_it_up on 1,
        events_go_on_while_servers_come_and_go on 4,
    }
    compat {
        an_older_caller_is_served_by_a_newer_service on 1,
        a_newer_caller_is_served_by_an_older_service on 1,
    }
    foreign {
        a_nest_client_is_answered_in_its_own_terms on 1,
        a_spring_client_is_answered_in_its_own_terms on 1,
        a_foreign_error_is_one_that_the_client_understands on 1,
        a_foreign_record_on_a_topic_that_is_not_trusted_is_not_executed on 1,
        our_own_records_are_verified_on_trusted_topics_too on 1,
    }
    idempotency {
        a_copy_of_a_call_that_must_not_run_twice_is_passed_over on 1,
        a_copy_of_a_call_that_may_run_twice_does on 1,
        a_service_without_a_journal_does_not_start on 1,
        a_call_with_an_idempotency_key_may_run_again_where_responses_are_kept on 1,
        a_call_sent_again_with_its_key_is_answered_as_before on 1,
        a_server_that_takes_over_answers_what_was_kept_before_it on 1,
        an_offset_is_committed_before_the_call_runs_where_the_contract_says_so on 1,
    }
    lifecycle {
        a_stopped_server_leaves_nothing_undone_to_the_next on 1,
        a_missing_topic_is_named_until_it_appears on 1,
        calls_go_on_while_servers_come_and_go on 4,
        a_channel_that_ends_ends_its_calls on 1,
    }
    order {
        calls_of_one_key_run_one_by_one_in_their_order on 3,
        another_key_does_not_wait on 1,
        order_holds_for_calls_that_waited_for_a_slot on 1,
        a_call_whose_time_is_over_before_its_turn_is_not_run on 1,
    }
    streams {
        a_stream_arrives_whole_and_in_order on 1,
        an_empty_stream_ends_well on 1,
        an_error_in_mid_stream_comes_after_what_came_before on 1,
        a_panic_in_mid_stream_is_an_internal_error on 1,
        a_stream_that_fails_at_once_is_a_failed_call on 1,
        a_dropped_stream_stops_its_handler on 1,
        a_caller_that_does_not_read_is_not_sent_more_than_a_window on 1,
        a_streamed_secret_is_sealed on 1,
        a_stream_ends_by_its_deadline on 1,
    }
    trust {
        a_secret_is_in_no_byte_of_any_topic on 1,
        a_forged_request_is_not_executed on 1,
        a_stale_request_is_answered_and_not_executed on 1,
        a_readdressed_request_is_not_executed on 1,
        a_foreign_record_in_the_reply_partition_is_passed_over on 1,
        whatever_is_on_a_request_topic_stops_nothing on 1,
    }
    undecodable {
        a_request_that_is_no_message_is_its_callers_fault on 1,
        a_reply_that_is_no_message_is_an_internal_error on 1,
    }
    wire {
        a_request_and_its_reply_are_what_the_contract_says on 1,
        an_event_is_what_the_contract_says on 1,
    }
}

#[cfg(feature = "real")]
mod kafka_only {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_member_whose_instance_id_is_taken_goes_on() {
        let bus = crate::harness::Bus::real(1).await;
        crate::lifecycle::a_member_whose_instance_id_is_taken_goes_on(bus).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn topics_are_made_once_and_what_differs_is_told() {
        let bus = crate::harness::Bus::real(1).await;
        crate::topics::topics_are_made_once_and_what_differs_is_told(bus).await;
    }
}
