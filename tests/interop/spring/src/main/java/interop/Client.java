package interop;

import static java.util.stream.Collectors.toList;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.kafka.support.TopicPartitionOffset;
import org.springframework.messaging.support.MessageBuilder;

/**
 * An unmodified Spring client calls the test contract. Prints a line for each case that holds and ends with an error
 * at the first that does not.
 */
public final class Client {
    private static final int CONCURRENT = 200;
    private static final int NOT_FOUND = 5;
    private static final int INVALID_ARGUMENT = 3;
    private static final String HOSTILE = "Grüße, 世界 🚋 שלום \"quoted\" \\ \n\t\u2028\u0000 {\"json\": [1]}";
    private static final String LOST = "no such text: ä, 100% + 1";
    private static final String PREFIX = System.getenv("PREFIX");

    private final ReplyingKafkaTemplate<String, Object, Echo.Response> echo;
    private final ReplyingKafkaTemplate<String, Object, Echo.WhoAmI> who;
    private final ReplyingKafkaTemplate<String, Object, Echo.Response> fixed;
    private final ReplyingKafkaTemplate<String, Object, Echo.Response> untrusted;
    private final ReplyingKafkaTemplate<String, byte[], byte[]> protobuf;

    private interface Case {
        void holds() throws Exception;
    }

    private Client(Templates templates) throws InterruptedException {
        echo = templates.json(Echo.Response.class, new ContainerProperties(replies("echo")));
        who = templates.json(Echo.WhoAmI.class, new ContainerProperties(replies("who")));
        var third = new TopicPartitionOffset(replies("fixed"), 2);
        fixed = templates.json(Echo.Response.class, new ContainerProperties(third));
        untrusted = templates.json(Echo.Response.class, new ContainerProperties(replies("untrusted")));
        protobuf = templates.start(new ByteArraySerializer(), new ByteArrayDeserializer(),
                new ContainerProperties(replies("protobuf")));
    }

    public static void main(String[] arguments) throws Exception {
        try (var templates = new Templates(System.getenv("BROKERS"), topic("spring"))) {
            for (var test : new Client(templates).cases().entrySet()) {
                try {
                    test.getValue().holds();
                } catch (Exception | AssertionError error) {
                    throw new AssertionError(test.getKey(), error);
                }
                System.out.println("ok spring " + test.getKey());
            }
        }
    }

    private Map<String, Case> cases() {
        var cases = new LinkedHashMap<String, Case>();
        cases.put("a_call_is_answered", () -> {
            var answer = ask(echo, "echo.echo", new Echo.Request("hello"));
            equal("hello", answer.text());
            equal(0, answer.payload().length);
        });
        cases.put("text_of_any_kind_comes_back", () -> {
            equal(HOSTILE, ask(echo, "echo.echo", new Echo.Request(HOSTILE)).text());
        });
        cases.put("a_message_of_spring_is_answered", () -> {
            var message = MessageBuilder.withPayload(new Echo.Request("a message"))
                    .setHeader(KafkaHeaders.TOPIC, topic("echo.echo")).setHeader(KafkaHeaders.KEY, "k").build();
            var answer = (Echo.Response) echo.sendAndReceive(message).get().getPayload();
            equal("a message", answer.text());
        });
        cases.put("an_error_arrives_with_code_and_message", () -> {
            var error = failure(echo, "echo.echo", new Echo.Request(LOST, NOT_FOUND, null));
            equal(NOT_FOUND, error.code);
            equal(LOST, error.getMessage());
        });
        cases.put("after_an_error_others_are_answered", () -> {
            equal("after it", ask(echo, "echo.echo", new Echo.Request("after it")).text());
        });
        cases.put("a_wrong_type_is_an_invalid_argument", () -> {
            equal(INVALID_ARGUMENT, failure(echo, "echo.echo", Map.of("text", 7)).code);
        });
        cases.put("two_hundred_calls_at_once_get_their_own_answers", () -> {
            var texts = IntStream.range(0, CONCURRENT).mapToObj(number -> "spring " + number).collect(toList());
            var calls = texts.stream().map(text -> new Echo.Request(text, null, text.length() % 7))
                    .map(request -> echo.sendAndReceive(record("echo.echo", request))).collect(toList());
            for (int number = 0; number < CONCURRENT; number++) {
                equal(texts.get(number), calls.get(number).get().value().text());
            }
        });
        cases.put("a_reply_comes_to_the_partition_that_was_named", () -> {
            equal("fixed", ask(fixed, "echo.echo", new Echo.Request("fixed")).text());
        });
        cases.put("a_correlation_id_may_be_text", () -> {
            fixed.setBinaryCorrelation(false);
            equal("text", ask(fixed, "echo.echo", new Echo.Request("text")).text());
        });
        cases.put("protobuf_is_answered_with_protobuf", () -> {
            equal(HOSTILE, Echo.text(ask(protobuf, "echo.echo", Echo.request(HOSTILE, 0))));
            // Its first bytes are a line feed, a space and a brace.
            var brace = "{" + "x".repeat(' ' - 1);
            equal(brace, Echo.text(ask(protobuf, "echo.echo", Echo.request(brace, 0))));
        });
        cases.put("an_error_arrives_where_protobuf_is_spoken", () -> {
            var error = failure(protobuf, "echo.echo", Echo.request(LOST, NOT_FOUND));
            equal(NOT_FOUND, error.code);
            equal(LOST, error.getMessage());
        });
        cases.put("an_internal_method_is_answered_on_a_trusted_topic", () -> {
            var answer = ask(who, "echo.who_am_i", Map.of());
            equal(true, answer.fromBus());
            equal(true, answer.budgetMs() > 0 && answer.budgetMs() <= 5000);
        });
        cases.put("an_event_is_sent", () -> {
            echo.send(topic("note.note"), new Echo.Note("spring-event", "a")).get();
        });
        cases.put("a_call_on_a_topic_without_trust_gets_no_answer", () -> {
            var waiting = untrusted.sendAndReceive(record("echo.append", new Echo.Append("spring", 1)));
            waiting.getSendFuture().get();
            untrusted.send(topic("note.note_in_order"), new Echo.Note("spring-untrusted", "a")).get();
            equal("after it", ask(echo, "echo.echo", new Echo.Request("after it")).text());
            equal(false, waiting.isDone());
        });
        return cases;
    }

    private static <V, R> R ask(ReplyingKafkaTemplate<String, V, R> template, String topic, V value) throws Exception {
        return template.sendAndReceive(record(topic, value)).get().value();
    }

    private static <V, R> GrpcStatus failure(ReplyingKafkaTemplate<String, V, R> template, String topic, V value)
            throws Exception {
        try {
            throw new AssertionError("it answered " + ask(template, topic, value));
        } catch (ExecutionException error) {
            if (error.getCause() instanceof GrpcStatus status) {
                return status;
            }
            throw error;
        }
    }

    private static <V> ProducerRecord<String, V> record(String topic, V value) {
        return new ProducerRecord<>(topic(topic), value);
    }

    private static void equal(Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected " + expected + ", got " + actual);
        }
    }

    private static String topic(String name) {
        return PREFIX + name;
    }

    private static String replies(String name) {
        return "reply." + topic("spring." + name);
    }
}
