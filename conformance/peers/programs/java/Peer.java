import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.newsclub.net.unix.AFUNIXSocket;

/**
 * The peer program of junixsocket: AFUNIXSocketChannel and its file descriptors. See
 * ../../../PROTOCOL.md. Java does not fork.
 */
public final class Peer {
    /** What does an operation; gives what stands behind "ok". */
    interface Operation {
        Map<String, ?> run(Request it) throws IOException;
    }

    /** An error by its name in the protocol. */
    static final class Failure extends RuntimeException {
        final String kind;
        final String name;

        Failure(String kind, String name, String message) {
            super(message);
            this.kind = kind;
            this.name = name;
        }
    }

    static Failure failed(String name, String message) {
        return new Failure("passer", name, message);
    }

    static Failure refused(String why) {
        return new Failure("usage", "usage", why);
    }

    /** The fields of a request. */
    record Request(Map<?, ?> fields) {
        boolean has(String name) {
            return fields.get(name) != null;
        }

        <T> T due(String name, Class<T> kind) {
            if (!kind.isInstance(fields.get(name))) {
                throw refused(name + ": came: " + fields.get(name) + "; due: " + kind.getSimpleName());
            }
            return kind.cast(fields.get(name));
        }

        String text(String name) {
            return due(name, String.class);
        }

        int number(String name) {
            return due(name, Double.class).intValue();
        }

        boolean truth(String name) {
            return Boolean.TRUE.equals(fields.get(name));
        }

        /** Milliseconds, as Selector.select has them; negative: for ever. */
        long timeout() {
            return has("timeout") ? (long) Math.ceil(1000 * due("timeout", Double.class)) : -1;
        }
    }

    private final Map<String, Operation> operations = new TreeMap<>();

    private Peer() throws IOException {
        Descriptors descriptors = new Descriptors();
        descriptors.operations(operations);
        Passing passing = new Passing(descriptors);
        passing.operations(operations);
        operations.put("hello", it -> hello());
        descriptors.settle();
        passing.settle();
    }

    private Map<String, ?> hello() {
        Map<String, Object> about = new LinkedHashMap<>();
        about.put("protocol", 1);
        about.put("name", "junixsocket");
        about.put("version", AFUNIXSocket.getVersion());
        about.put("language", "Java " + Runtime.version());
        about.put("pid", ProcessHandle.current().pid());
        about.put("backends", Map.of());
        about.put("survivals", Map.of());
        about.put("ops", new ArrayList<>(operations.keySet()));
        return about;
    }

    private Map<String, ?> outcome(Object parsed) {
        try {
            if (!(parsed instanceof Map<?, ?> fields)) {
                throw refused("a request is an object of JSON");
            }
            Request it = new Request(fields);
            Operation asked = operations.get(it.text("op"));
            return asked == null
                    ? Map.of("unsupported", Map.of("reason", "unknown operation"))
                    : Map.of("ok", asked.run(it));
        } catch (Failure failure) {
            return told(failure.kind, failure.name, failure);
        } catch (IOException failure) {
            return told("os", "os", failure);
        }
    }

    private static Map<String, ?> told(String kind, String name, Exception why) {
        String said = why.getMessage();
        String message = said == null || said.isEmpty() ? why.getClass().getSimpleName() + " without a word" : said;
        return Map.of("error", Map.of("class", kind, "name", name, "message", message));
    }

    private static Object parsed(String line) {
        try {
            return Json.parse(line);
        } catch (IllegalArgumentException nonsense) {
            return List.of();
        }
    }

    public static void main(String[] none) throws IOException {
        Peer peer = new Peer();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line; (line = input.readLine()) != null; ) {
            Object request = parsed(line);
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("id", request instanceof Map<?, ?> fields ? fields.get("id") : null);
            answer.putAll(peer.outcome(request));
            output.print(Json.of(answer) + "\n");
            output.flush();
        }
        System.exit(0);
    }
}
