import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.reflect.Field;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channel;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jdk.internal.access.JavaIOFileDescriptorAccess;
import jdk.internal.access.SharedSecrets;

/**
 * What the peer does with plain descriptors, and with its table. Java knows neither fcntl(2) nor poll(2)
 * for them: there is no telling of flags, no O_NONBLOCK, and no read that ends in time.
 */
final class Descriptors {
    private static final JavaIOFileDescriptorAccess ACCESS = SharedSecrets.getJavaIOFileDescriptorAccess();
    private static final Map<String, OpenOption> FLAGS = Map.of(
            "read", StandardOpenOption.READ, "write", StandardOpenOption.WRITE,
            "append", StandardOpenOption.APPEND, "create", StandardOpenOption.CREATE);
    private static final Map<Integer, String> KINDS = Map.of(
            0100000, "file", 0040000, "directory", 0010000, "pipe", 0140000, "socket",
            0020000, "character device", 0060000, "block device");

    /** Of every descriptor that is open: an object that goes may close its number. */
    private final Map<Integer, FileDescriptor> known = new HashMap<>();
    private final Deque<FileInputStream> filling = new ArrayDeque<>();
    private final Limiter limiter = Limiter.start();
    private Thread churning;

    Descriptors() throws IOException { }

    void operations(Map<String, Peer.Operation> operations) {
        operations.put("open", this::open);
        operations.put("socketpair", this::socketpair);
        operations.put("write", this::write);
        operations.put("seek", this::seek);
        operations.put("identity", this::identity);
        operations.put("close", it -> {
            close(it.number("fd"));
            return Map.of();
        });
        operations.put("fill", this::fill);
        operations.put("free", it -> Map.of("freed", letGo(it.has("count") ? it.number("count") : filling.size())));
        operations.put("churn", this::churn);
        if (limiter != null) {
            operations.put("limit", it -> {
                limiter.limit(it.number("descriptors"));
                return Map.of();
            });
        }
    }

    FileDescriptor of(int number) {
        return known.computeIfAbsent(number, it -> {
            FileDescriptor made = new FileDescriptor();
            ACCESS.set(made, it);
            return made;
        });
    }

    int entered(FileDescriptor fd) {
        known.put(ACCESS.get(fd), fd);
        return ACCESS.get(fd);
    }

    void taken(int number) {
        known.remove(number);
    }

    void close(int number) throws IOException {
        FileDescriptor fd = of(number);
        known.remove(number);
        ACCESS.close(fd);
    }

    private Map<String, ?> open(Peer.Request it) throws IOException {
        Set<OpenOption> options = new HashSet<>();
        for (Object word : it.due("flags", List.class)) {
            if (word.equals("both")) {
                options.addAll(Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE));
            } else if (FLAGS.containsKey(word)) {
                options.add(FLAGS.get(word));
            } else if (!word.equals("directory")) {
                throw Peer.refused("no such flag here: " + word);
            }
        }
        return Map.of("fd", entered(descriptor(FileChannel.open(Path.of(it.text("path")), options))));
    }

    private static FileDescriptor descriptor(Channel channel) throws IOException {
        try {
            Field fd = channel.getClass().getDeclaredField("fd");
            fd.setAccessible(true);
            return (FileDescriptor) fd.get(channel);
        } catch (ReflectiveOperationException other) {
            throw new IOException("this Java keeps its descriptors elsewhere", other);
        }
    }

    /** Java has no socketpair(2), and that of junixsocket 2.6.1 leaks two sockets. */
    private Map<String, ?> socketpair(Peer.Request it) throws IOException {
        Path folder = Files.createTempDirectory("peer");
        UnixDomainSocketAddress at = UnixDomainSocketAddress.of(folder.resolve("socket"));
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(at);
            int one = entered(descriptor(SocketChannel.open(at)));
            return Map.of("fds", List.of(one, entered(descriptor(listener.accept()))));
        } finally {
            Files.deleteIfExists(at.getPath());
            Files.delete(folder);
        }
    }

    /** What the runtime opens and loads is to be there before anything is counted. */
    void settle() throws IOException {
        for (Object fd : (List<?>) socketpair(null).get("fds")) {
            close((Integer) fd);
        }
        FileChannel.open(Path.of("/dev/null")).close();
    }

    private Map<String, ?> write(Peer.Request it) throws IOException {
        byte[] data = HexFormat.of().parseHex(it.text("hex"));
        new FileOutputStream(of(it.number("fd"))).write(data);
        return Map.of("count", data.length);
    }

    private Map<String, ?> seek(Peer.Request it) throws IOException {
        FileChannel channel = new FileInputStream(of(it.number("fd"))).getChannel();
        return Map.of("offset", channel.position(it.number("offset")).position());
    }

    private Map<String, ?> identity(Peer.Request it) throws IOException {
        Map<String, Object> about =
                Files.readAttributes(Path.of("/proc/self/fd/" + it.number("fd")), "unix:dev,ino,mode");
        int type = (Integer) about.get("mode") & 0170000;
        return Map.of("dev", about.get("dev"), "ino", about.get("ino"), "kind", KINDS.getOrDefault(type, "other"));
    }

    private Map<String, ?> fill(Peer.Request it) throws IOException {
        try {
            while (true) {
                filling.push(new FileInputStream("/dev/null"));
            }
        } catch (FileNotFoundException full) {
            letGo(it.number("leave"));
        }
        return Map.of("filled", filling.size());
    }

    private int letGo(int count) throws IOException {
        int freed = 0;
        for (; freed < count && !filling.isEmpty(); freed++) {
            filling.pop().close();
        }
        return freed;
    }

    private Map<String, ?> churn(Peer.Request it) throws IOException {
        if (it.truth("on") && churning == null) {
            churning = new Thread(Descriptors::churnOn, "churn");
            churning.start();
        } else if (!it.truth("on") && churning != null) {
            churning.interrupt();
            try {
                churning.join();
            } catch (InterruptedException nobody) {
                throw new IOException(nobody);
            }
            churning = null;
        }
        return Map.of();
    }

    private static void churnOn() {
        while (!Thread.currentThread().isInterrupted()) {
            try (FileInputStream one = new FileInputStream("/dev/null")) {
                new FileInputStream(one.getFD()).available();
            } catch (IOException full) {
                Thread.yield();
            }
        }
    }
}
