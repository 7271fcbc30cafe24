package interop;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.support.serializer.JacksonJsonDeserializer;
import org.springframework.kafka.support.serializer.JacksonJsonSerializer;

/** Spring's templates as an application sets them up. */
final class Templates implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final long POLL_MS = 100;

    private final List<ReplyingKafkaTemplate<?, ?, ?>> started = new ArrayList<>();
    private final String brokers;
    private final String group;

    Templates(String brokers, String group) {
        this.brokers = brokers;
        this.group = group;
    }

    /** JSON in both directions. */
    <R> ReplyingKafkaTemplate<String, Object, R> json(Class<R> reply, ContainerProperties replies)
            throws InterruptedException {
        return start(new JacksonJsonSerializer<>(), new JacksonJsonDeserializer<>(reply, false), replies);
    }

    <V, R> ReplyingKafkaTemplate<String, V, R> start(
            Serializer<V> values, Deserializer<R> replies, ContainerProperties container) throws InterruptedException {
        var producers = new DefaultKafkaProducerFactory<String, V>(
                Map.of("bootstrap.servers", brokers), new StringSerializer(), values);
        var settings = new HashMap<String, Object>();
        settings.put("bootstrap.servers", brokers);
        // A group of its own: each template has to see every reply of its topic.
        settings.put("group.id", group + "-" + started.size());
        // A reply that comes before the group knows its place would be skipped.
        settings.put("auto.offset.reset", "earliest");
        // The template is ready after its first poll, which by default lasts 5 s where nothing comes.
        container.setPollTimeout(POLL_MS);
        var consumers = new DefaultKafkaConsumerFactory<String, R>(settings, new StringDeserializer(), replies);
        var template = new ReplyingKafkaTemplate<String, V, R>(
                producers, new KafkaMessageListenerContainer<>(consumers, container));
        template.setDefaultReplyTimeout(PATIENCE);
        template.setSharedReplyTopic(true);
        template.setReplyErrorChecker(GrpcStatus::of);
        template.start();
        started.add(template);
        if (!template.waitForAssignment(PATIENCE)) {
            throw new IllegalStateException("the template was given no partition of its reply topic");
        }
        return template;
    }

    @Override
    public void close() {
        for (var template : started) {
            template.stop();
            template.destroy();
            template.getProducerFactory().reset();
        }
    }
}
