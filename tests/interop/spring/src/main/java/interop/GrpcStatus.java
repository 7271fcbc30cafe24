package interop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLDecoder;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** What a reply's headers say of a call that failed. */
final class GrpcStatus extends Exception {
    final int code;

    private GrpcStatus(int code, String message) {
        super(message);
        this.code = code;
    }

    /** For {@code ReplyingKafkaTemplate.setReplyErrorChecker}: without it Spring knows no errors. */
    static Exception of(ConsumerRecord<?, ?> reply) {
        var code = header(reply, "grpc-status");
        if (code.isEmpty() || code.equals("0")) {
            return null;
        }
        // Percent-encoded, but a plus sign is one.
        var message = header(reply, "grpc-message").replace("+", "%2B");
        return new GrpcStatus(Integer.parseInt(code), URLDecoder.decode(message, UTF_8));
    }

    private static String header(ConsumerRecord<?, ?> reply, String name) {
        var header = reply.headers().lastHeader(name);
        return header == null ? "" : new String(header.value(), UTF_8);
    }
}
