import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.util.stream.Stream;

/** Java has no setrlimit(2). What runs prlimit(1) is there before the table can be full. */
final class Limiter {
    private static final String LOOP =
            "while read most; do prlimit --pid=$0 --nofile=$most: && echo ok || echo not; done";

    private final Process shell;
    private final BufferedReader answers;

    private Limiter(Process shell) {
        this.shell = shell;
        this.answers = shell.inputReader();
    }

    /** Gives none where there is no prlimit(1). */
    static Limiter start() throws IOException {
        Stream<String> folders = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"));
        if (folders.noneMatch(folder -> new File(folder, "prlimit").canExecute())) {
            return null;
        }
        String pid = String.valueOf(ProcessHandle.current().pid());
        return new Limiter(new ProcessBuilder("sh", "-c", LOOP, pid)
                .redirectError(ProcessBuilder.Redirect.INHERIT).start());
    }

    void limit(int descriptors) throws IOException {
        shell.outputWriter().append(descriptors + "\n").flush();
        if (!"ok".equals(answers.readLine())) {
            throw new IOException("prlimit has failed");
        }
    }
}
