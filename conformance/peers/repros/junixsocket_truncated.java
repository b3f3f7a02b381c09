// Descriptors of a message whose ancillary data was truncated stay open.
//
// Expected: those that fitted in are given to the caller, or closed before the exception is thrown.
//   recvmsg(2), MSG_CTRUNC: some control data was discarded; what was not is open in this process.
// Seen: read throws SocketException ("No buffer space available") without closing them; their
//   numbers are nowhere, not in getReceivedFileDescriptors() either.
// Measured: junixsocket 2.6.1, OpenJDK 17.0.15, on Linux 6.18, Debian 12:
//   100 were sent, read threw No buffer space available, 0 were given, 60 others are open
// Run: java -Djava.library.path=JNI -cp junixsocket-common.jar junixsocket_truncated.java
//   (Debian: libjunixsocket-java, openjdk-17-jdk-headless; JNI is the folder of libjunixsocket-native*.so)
// Shown by: python -m conformance run --peer junixsocket --check table.flood
import java.io.File;
import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collections;
import org.newsclub.net.unix.AFUNIXSocketChannel;
import org.newsclub.net.unix.AFUNIXSocketPair;

class Truncated {
    static int open() {
        return new File("/proc/self/fd").list().length;
    }

    public static void main(String[] words) throws Exception {
        AFUNIXSocketPair<AFUNIXSocketChannel> pair = AFUNIXSocketPair.open();
        AFUNIXSocketChannel sender = pair.getSocket1();
        AFUNIXSocketChannel receiver = pair.getSocket2();
        receiver.setAncillaryReceiveBufferSize(64);
        FileDescriptor[] many = Collections.nCopies(100, FileDescriptor.err).toArray(new FileDescriptor[0]);
        sender.setOutboundFileDescriptors(many);
        sender.write(ByteBuffer.allocate(1));
        int before = open();
        String said;
        try {
            said = "read gave " + receiver.read(ByteBuffer.allocate(1));
        } catch (IOException failure) {
            said = "read threw " + failure.getMessage();
        }
        FileDescriptor[] given = receiver.getReceivedFileDescriptors();
        int count = given == null ? 0 : given.length;
        int leaked = open() - before - count;
        System.out.println("100 were sent, " + said + ", "
                + count + " were given, " + leaked + " others are open");
        System.exit(leaked > 0 ? 1 : 0);
    }
}
