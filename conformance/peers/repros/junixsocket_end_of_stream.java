// AFUNIXSocketChannel.read without waiting does not give -1 at the end of the stream.
//
// Expected: ReadableByteChannel.read: "The number of bytes read, possibly zero, or -1 if the channel
//   has reached end-of-stream". A channel of java.nio gives -1, in non-blocking mode as well.
// Seen: 0, which means "nothing yet", for ever; or ClosedChannelException, which is for a
//   channel that this side has closed. Which one depends on what errno was before.
// Measured: junixsocket 2.6.1, OpenJDK 17.0.15, on Linux 6.18, Debian 12:
//   at the end of the stream read gives -1 in blocking mode; otherwise ClosedChannelException,
//   or 0 if a byte had been read before
// Run: java -Djava.library.path=JNI -cp junixsocket-common.jar junixsocket_end_of_stream.java
//   (Debian: libjunixsocket-java, openjdk-17-jdk-headless; JNI is the folder of libjunixsocket-native*.so)
// Shown by: python -m conformance run --peer junixsocket --check bidirectional.one-direction-ends
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import org.newsclub.net.unix.AFUNIXSocketChannel;
import org.newsclub.net.unix.AFUNIXSocketPair;

class EndOfStream {
    static String read(boolean blocking, boolean before) throws Exception {
        AFUNIXSocketPair<AFUNIXSocketChannel> pair = AFUNIXSocketPair.open();
        AFUNIXSocketChannel channel = pair.getSocket2();
        channel.configureBlocking(blocking);
        if (before) {
            pair.getSocket1().write(ByteBuffer.allocate(1));
            channel.read(ByteBuffer.allocate(1));
        }
        pair.getSocket1().close();
        try {
            return String.valueOf(channel.read(ByteBuffer.allocate(1)));
        } catch (ClosedChannelException closed) {
            return closed.getClass().getSimpleName();
        }
    }

    public static void main(String[] words) throws Exception {
        String waiting = read(true, true);
        String first = read(false, false);
        String later = read(false, true);
        System.out.println("at the end of the stream read gives " + waiting + " in blocking mode; otherwise "
                + first + ", or " + later + " if a byte had been read before");
        System.exit(first.equals("-1") && later.equals("-1") ? 0 : 1);
    }
}
