import java.io.Closeable;
import java.io.File;
import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.newsclub.net.unix.AFUNIXSelectorProvider;
import org.newsclub.net.unix.AFUNIXServerSocketChannel;
import org.newsclub.net.unix.AFUNIXSocketAddress;
import org.newsclub.net.unix.AFUNIXSocketChannel;
import org.newsclub.net.unix.AFUNIXSocketCredentials;
import org.newsclub.net.unix.AFUNIXSocketPair;
import org.newsclub.net.unix.FileDescriptorCast;

/** The passer: a NUL byte, and the file descriptors that the channel takes and gives beside it. */
final class Passing {
    private static final int ROOM = 1024; // bytes for ancillary data, as its documentation has it
    /** What its messages mean; for most it has no exceptions of their own. */
    private static final Map<String, String> MEANING = Map.of(
            "No buffer space available", "lost", // which is what it makes of a truncated message
            "Broken pipe", "peer-reset", "Connection reset by peer", "peer-reset");

    private final Descriptors descriptors;
    private final Map<String, Closeable> named = new HashMap<>();
    private final Selector selector = AFUNIXSelectorProvider.provider().openSelector();

    Passing(Descriptors descriptors) throws IOException {
        this.descriptors = descriptors;
    }

    void operations(Map<String, Peer.Operation> operations) {
        operations.put("adopt", this::adopt);
        operations.put("listen", this::listen);
        operations.put("accept", this::accept);
        operations.put("connect", this::connect);
        operations.put("credentials", this::credentials);
        operations.put("drop", this::drop);
        operations.put("send", this::send);
        operations.put("flush", it -> {
            passer(it);
            return Map.of();
        });
        operations.put("recv", it -> {
            AFUNIXSocketChannel channel = passer(it);
            await(channel, SelectionKey.OP_READ, it, "nothing has arrived in time");
            return received(channel);
        });
        operations.put("recv_nowait", this::receivedAtOnce);
    }

    /** What the library opens and loads is to be there before anything is counted. */
    void settle() throws IOException {
        AFUNIXSocketPair<AFUNIXSocketChannel> pair = AFUNIXSocketPair.open();
        try (AFUNIXSocketChannel one = pair.getSocket1(); AFUNIXSocketChannel other = pair.getSocket2()) {
            prepared(one);
            prepared(other);
            sendOne(one, FileDescriptor.err);
            ready(other, SelectionKey.OP_READ, 1000);
            descriptors.close((Integer) received(other).get("fd"));
        }
    }

    private String name(Closeable channel) {
        String name = "s" + (named.size() + 1);
        named.put(name, channel);
        return name;
    }

    private <T extends SelectableChannel> T channel(Peer.Request it, String which, Class<T> kind) {
        String name = it.text(which);
        if (named.containsKey(name) && named.get(name) == null) {
            throw Peer.failed("closed", "it has been dropped");
        }
        if (!kind.isInstance(named.get(name))) {
            throw Peer.refused("there is no such passer here");
        }
        return kind.cast(named.get(name));
    }

    private AFUNIXSocketChannel passer(Peer.Request it) {
        return channel(it, "passer", AFUNIXSocketChannel.class);
    }

    private static AFUNIXSocketChannel prepared(AFUNIXSocketChannel channel) throws IOException {
        channel.configureBlocking(false);
        channel.setAncillaryReceiveBufferSize(ROOM);
        return channel;
    }

    private boolean ready(SelectableChannel channel, int event, long timeout) throws IOException {
        SelectionKey key = channel.register(selector, event);
        try {
            // Of junixsocket's selector select(0) does not wait, as that of the JDK does.
            return (timeout < 0 ? selector.select()
                    : timeout == 0 ? selector.selectNow() : selector.select(timeout)) > 0;
        } finally {
            selector.selectedKeys().clear();
            key.cancel();
            selector.selectNow();
        }
    }

    private void await(SelectableChannel channel, int event, Peer.Request it, String late) throws IOException {
        if (!ready(channel, event, it.timeout())) {
            throw Peer.failed("timed-out", late);
        }
    }

    private Map<String, ?> adopt(Peer.Request it) throws IOException {
        FileDescriptor given = descriptors.of(it.number("fd"));
        AFUNIXSocketChannel channel = FileDescriptorCast.using(given).as(AFUNIXSocketChannel.class);
        descriptors.taken(it.number("fd"));
        return Map.of("passer", name(prepared(channel)));
    }

    private static AFUNIXSocketAddress address(Peer.Request it) throws IOException {
        return AFUNIXSocketAddress.of(new File(it.text("path")));
    }

    private Map<String, ?> listen(Peer.Request it) throws IOException {
        AFUNIXServerSocketChannel listener = AFUNIXServerSocketChannel.open();
        listener.bind(address(it), 128);
        listener.configureBlocking(false);
        return Map.of("listener", name(listener));
    }

    private Map<String, ?> accept(Peer.Request it) throws IOException {
        AFUNIXServerSocketChannel listener = channel(it, "listener", AFUNIXServerSocketChannel.class);
        await(listener, SelectionKey.OP_ACCEPT, it, "nobody has connected in time");
        return Map.of("passer", name(prepared(listener.accept())));
    }

    private Map<String, ?> connect(Peer.Request it) throws IOException {
        return Map.of("passer", name(prepared(AFUNIXSocketChannel.open(address(it)))));
    }

    private Map<String, ?> credentials(Peer.Request it) throws IOException {
        AFUNIXSocketCredentials about = passer(it).getPeerCredentials();
        return Map.of("pid", about.getPid(), "uid", about.getUid(), "gid", about.getGid());
    }

    private Map<String, ?> drop(Peer.Request it) throws IOException {
        channel(it, "passer", SelectableChannel.class).close();
        named.put(it.text("passer"), null);
        return Map.of();
    }

    private Map<String, ?> send(Peer.Request it) throws IOException {
        sendOne(passer(it), descriptors.of(it.number("fd")));
        if (it.truth("close")) {
            descriptors.close(it.number("fd"));
        }
        return Map.of();
    }

    private static void sendOne(AFUNIXSocketChannel channel, FileDescriptor fd) throws IOException {
        try {
            channel.setOutboundFileDescriptors(fd);
            if (channel.write(ByteBuffer.allocate(1)) == 0) {
                throw Peer.failed("would-block", "there is no room in the channel");
            }
        } catch (ClosedChannelException closed) { // by itself: who drops it does not use it any more
            throw Peer.failed("peer-reset", "it has closed the channel");
        } catch (IOException failure) {
            throw told(failure);
        }
    }

    private static RuntimeException told(IOException failure) throws IOException {
        if (!MEANING.containsKey(failure.getMessage())) {
            throw failure;
        }
        return Peer.failed(MEANING.get(failure.getMessage()), failure.getMessage());
    }

    private Map<String, ?> receivedAtOnce(Peer.Request it) throws IOException {
        // Asked for first: the library's own error for it has no message in every other process.
        if (!ready(passer(it), SelectionKey.OP_READ, 0)) {
            throw Peer.failed("would-block", "nothing is there");
        }
        return received(passer(it));
    }

    private Map<String, ?> received(AFUNIXSocketChannel channel) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(1);
        int got;
        try {
            got = channel.read(data);
        } catch (ClosedChannelException end) { // which is how a channel that does not wait tells it
            throw Peer.failed("peer-closed", "the stream has ended");
        } catch (IOException failure) {
            throw told(failure);
        }
        if (got < 0) {
            throw Peer.failed("peer-closed", "the stream has ended");
        }
        FileDescriptor[] came = channel.getReceivedFileDescriptors();
        int count = came == null ? 0 : came.length;
        if (got == 1 && count == 1) {
            return Map.of("fd", descriptors.entered(came[0]));
        }
        for (int i = 0; i < count; i++) {
            descriptors.close(descriptors.entered(came[i]));
        }
        if (count == 0 && got == 0) {
            throw Peer.failed("would-block", "nothing is there");
        }
        if (count == 0 && data.get(0) == 0) {
            throw Peer.failed("lost", "a byte came without its descriptor");
        }
        throw Peer.failed("not-a-passer", "what came is not a NUL byte with one descriptor");
    }
}
