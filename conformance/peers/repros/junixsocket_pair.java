// AFUNIXSocketPair.open leaves two sockets open that nobody can close.
//
// Expected: after both ends are closed the process has as many descriptors open as before: the call
//   stands for socketpair(2), which makes two.
// Seen: two more descriptors a call, sockets, which stay open.
// Measured: junixsocket 2.6.1, OpenJDK 17.0.15, on Linux 6.18, Debian 12:
//   after 10 pairs were opened and closed, 20 descriptors more are open
// Run: java -Djava.library.path=JNI -cp junixsocket-common.jar junixsocket_pair.java
//   (Debian: libjunixsocket-java, openjdk-17-jdk-headless; JNI is the folder of libjunixsocket-native*.so)
// Shown by: nothing of the suite, whose peer avoids the call for this reason (op socketpair)
import java.io.File;
import org.newsclub.net.unix.AFUNIXSocketChannel;
import org.newsclub.net.unix.AFUNIXSocketPair;

class Pair {
    static void openAndClose() throws Exception {
        AFUNIXSocketPair<AFUNIXSocketChannel> pair = AFUNIXSocketPair.open();
        pair.getSocket1().close();
        pair.getSocket2().close();
        pair.close();
    }

    static int open() {
        return new File("/proc/self/fd").list().length;
    }

    public static void main(String[] words) throws Exception {
        openAndClose(); // what the library opens once does not count
        int before = open();
        for (int i = 0; i < 10; i++) {
            openAndClose();
        }
        int leaked = open() - before;
        System.out.println("after 10 pairs were opened and closed, " + leaked + " descriptors more are open");
        System.exit(leaked > 0 ? 1 : 0);
    }
}
