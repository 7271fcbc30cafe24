package interop;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;

/** Messages of the test contract: as objects, which Jackson writes as JSON, and as protobuf. */
final class Echo {
    private static final int TEXT = 1;
    private static final int FAIL_CODE = 4;

    record Request(String text, Integer failCode, Integer delayMs) {
        Request(String text) {
            this(text, null, null);
        }
    }

    record Response(String text, byte[] payload) {
    }

    record WhoAmI(boolean fromBus, long budgetMs) {
    }

    record Append(String account, int number) {
    }

    record Note(String id, String account) {
    }

    /** An {@code echo.v1.EchoRequest} in protobuf. */
    static byte[] request(String text, int failCode) {
        try {
            var bytes = new ByteArrayOutputStream();
            var output = CodedOutputStream.newInstance(bytes);
            output.writeString(TEXT, text);
            output.writeUInt32(FAIL_CODE, failCode);
            output.flush();
            return bytes.toByteArray();
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** The text of an {@code echo.v1.EchoResponse} in protobuf. */
    static String text(byte[] response) throws IOException {
        var input = CodedInputStream.newInstance(response);
        var text = "";
        for (int tag = input.readTag(); tag != 0; tag = input.readTag()) {
            if (WireFormat.getTagFieldNumber(tag) == TEXT) {
                text = input.readStringRequireUtf8();
            } else {
                input.skipField(tag);
            }
        }
        return text;
    }

    private Echo() {
    }
}
