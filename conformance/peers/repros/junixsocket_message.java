// In about half of all processes the exceptions for errors of the system have an empty message.
//
// Expected: "Connection reset by peer", "Broken pipe" and so on, the text of the errno, always. There
//   is no other way to tell one SocketException from another.
// Seen: "" in some processes, for every error and as long as they live. exceptions.c takes what the
//   strerror_r(3) of GNU returns, the address of the text, for an int, and copies the text if that
//   is above 255: not where address space randomisation made it negative.
// Measured: junixsocket 2.6.1, OpenJDK 17.0.15, on Linux 6.18, Debian 12:
//   the message for ECONNRESET in process 5: ""
// Run: java -Djava.library.path=JNI -cp junixsocket-common.jar junixsocket_message.java
//   (Debian: libjunixsocket-java, openjdk-17-jdk-headless; JNI is the folder of libjunixsocket-native*.so)
// Shown by: python -m conformance run --peer junixsocket --check nonblocking.peer-dies
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.newsclub.net.unix.AFUNIXSocketChannel;
import org.newsclub.net.unix.AFUNIXSocketPair;

class Message {
    static String message() throws IOException {
        AFUNIXSocketPair<AFUNIXSocketChannel> pair = AFUNIXSocketPair.open();
        pair.getSocket2().write(ByteBuffer.allocate(1)); // which the other end never reads
        pair.getSocket1().close();
        try {
            return "read gave " + pair.getSocket2().read(ByteBuffer.allocate(1));
        } catch (IOException failure) {
            return failure.getMessage();
        }
    }

    public static void main(String[] words) throws Exception {
        if (words.length > 0) {
            System.out.print('"' + message() + '"');
            return;
        }
        String[] command = (Files.readString(Path.of("/proc/self/cmdline")) + "again").split("\0");
        for (int i = 1; i <= 8; i++) { // each at addresses of its own
            Process again = new ProcessBuilder(command).start();
            String said = new String(again.getInputStream().readAllBytes());
            if (!said.contains("eset")) {
                System.out.println("the message for ECONNRESET in process " + i + ": " + said);
                System.exit(1);
            }
        }
        System.out.println("the message for ECONNRESET says so in all of 8 processes");
    }
}
