package interop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.support.TopicPartitionOffset;
import org.springframework.kafka.support.serializer.JacksonJsonDeserializer;
import org.springframework.kafka.support.serializer.JacksonJsonSerializer;
import org.springframework.messaging.handler.annotation.SendTo;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes down what Spring's template puts on the wire, and what its own listener answers: the golden files of the bus.
 * Needs a broker that has none of the topics yet. The folder is the argument.
 */
public final class Capture {
    private static final String BROKERS = System.getenv("BROKERS");
    private static final String CALLS = "spring.echo";
    private static final String PROTOBUF_CALLS = "spring.protobuf";
    private static final String REPLIES = "reply.spring";
    private static final String EVENTS = "spring.note";
    private static final Map<String, List<String>> NAMES = Map.of(
            CALLS, List.of("request", "request_with_a_key_and_a_partition", "request_with_a_text_id"),
            PROTOBUF_CALLS, List.of("request_in_protobuf", "request_in_protobuf_like_json"),
            REPLIES, List.of("reply", "reply_with_a_key", "reply_to_a_text_id"),
            EVENTS, List.of("event", "event_with_a_key"));

    /** Spring's own server. */
    @Configuration
    @EnableKafka
    public static class Server {
        @Bean
        public ConcurrentKafkaListenerContainerFactory<String, Echo.Request> kafkaListenerContainerFactory() {
            Map<String, Object> settings = Map.of(
                    "bootstrap.servers", BROKERS, "group.id", "server", "auto.offset.reset", "earliest");
            var factory = new ConcurrentKafkaListenerContainerFactory<String, Echo.Request>();
            factory.setConsumerFactory(new DefaultKafkaConsumerFactory<>(
                    settings, new StringDeserializer(), new JacksonJsonDeserializer<>(Echo.Request.class, false)));
            factory.setReplyTemplate(new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(
                    Map.of("bootstrap.servers", BROKERS), new StringSerializer(), new JacksonJsonSerializer<>())));
            return factory;
        }

        @Bean
        public Listener listener() {
            return new Listener();
        }
    }

    /** Echoes. */
    public static class Listener {
        @KafkaListener(id = "server", topics = CALLS)
        @SendTo
        public Object echo(Echo.Request request) {
            return new Echo.Response(request.text(), new byte[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var folder = Path.of(arguments[0]);
        try (var admin = Admin.create(Map.of("bootstrap.servers", BROKERS))) {
            admin.createTopics(NAMES.keySet().stream().map(name -> new NewTopic(name, 1, (short) 1)).toList())
                    .all().get();
        }
        try (var server = new AnnotationConfigApplicationContext(Server.class);
                var templates = new Templates(BROKERS, "client")) {
            call(templates);
        }
        var records = new LinkedHashMap<Path, Object>();
        Map<String, Object> settings = Map.of("bootstrap.servers", BROKERS);
        try (var raw = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partitions = NAMES.keySet().stream().map(name -> new TopicPartition(name, 0)).toList();
            raw.assign(partitions);
            raw.seekToBeginning(partitions);
            var count = NAMES.values().stream().mapToInt(List::size).sum();
            while (records.size() < count) {
                for (var record : raw.poll(Duration.ofSeconds(1))) {
                    var name = NAMES.get(record.topic()).get((int) record.offset());
                    records.put(folder.resolve(name + ".json"), golden(record));
                }
            }
        }
        var mapper = JsonMapper.builder().build();
        for (var record : records.entrySet()) {
            var json = mapper.writerWithDefaultPrettyPrinter().writeValueAsString(record.getValue());
            Files.writeString(record.getKey(), json + "\n");
        }
    }

    private static void call(Templates templates) throws Exception {
        var subscribed = templates.json(Echo.Response.class, new ContainerProperties(REPLIES));
        subscribed.sendAndReceive(new ProducerRecord<>(CALLS, new Echo.Request("héllo ✓"))).get();
        var first = new ContainerProperties(new TopicPartitionOffset(REPLIES, 0));
        var assigned = templates.json(Echo.Response.class, first);
        assigned.sendAndReceive(new ProducerRecord<>(CALLS, "k1", new Echo.Request("keyed"))).get();
        assigned.setBinaryCorrelation(false);
        assigned.sendAndReceive(new ProducerRecord<>(CALLS, new Echo.Request("text"))).get();
        var protobuf = templates.start(
                new ByteArraySerializer(), new ByteArrayDeserializer(), new ContainerProperties(REPLIES));
        // A line feed, a space and a brace: no JSON for all that.
        for (var text : List.of("héllo ✓", "{" + "x".repeat(' ' - 1))) {
            var request = new ProducerRecord<String, byte[]>(PROTOBUF_CALLS, Echo.request(text, 0));
            protobuf.sendAndReceive(request).getSendFuture().get();
        }
        subscribed.send(EVENTS, new Echo.Note("n1", "a")).get();
        subscribed.send(EVENTS, "a", new Echo.Note("n2", "a")).get();
    }

    private static Map<String, Object> golden(ConsumerRecord<byte[], byte[]> record) {
        var golden = new LinkedHashMap<String, Object>();
        var headers = new ArrayList<List<String>>();
        var readable = new ArrayList<String>();
        readable.add(new String(record.value(), UTF_8));
        for (var header : record.headers()) {
            headers.add(List.of(header.key(), hex(header.value())));
            readable.add(new String(header.value(), UTF_8));
        }
        golden.put("topic", record.topic());
        golden.put("partition", record.partition());
        golden.put("key", hex(record.key()));
        golden.put("value", hex(record.value()));
        golden.put("headers", headers);
        golden.put("readable", readable);
        return golden;
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? null : HexFormat.of().formatHex(bytes);
    }

    private Capture() {
    }
}
