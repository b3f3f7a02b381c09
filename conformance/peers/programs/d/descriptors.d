/// What the peer does with plain descriptors, with its table, and with its children.
module descriptors;

import std.algorithm : filter, map, min;
import std.array : array;
import std.conv : octal, to;
import std.digest : LetterCase, toHexString;
import std.exception : enforce, errnoEnforce;
import std.math : ceil;
import std.range : chunks, iota;
import std.string : toStringz;
import std.typecons : tuple;

import core.stdc.errno : EMFILE, errno;
import core.stdc.stdio : SEEK_SET;
import core.sys.posix.fcntl;
import core.sys.posix.poll;
import core.sys.posix.sys.resource;
import core.sys.posix.sys.socket : AF_UNIX, connectedPair = socketpair, SOCK_STREAM;
import core.sys.posix.sys.stat;
import core.sys.posix.sys.wait : waitpid;
import core.sys.posix.unistd;

/// socket(2) of Linux: the same as that of open. druntime does not have it.
enum SOCK_CLOEXEC = O_CLOEXEC;

/// An error of class `passer`. One that is neither this nor of errno is of class `usage`.
class Condition : Exception {
    string name;
    size_t accepted; // by the channel, of several that were to be sent

    this(string name, string message, size_t accepted = 0) {
        super(message);
        this.name = name;
        this.accepted = accepted;
    }
}

/// This is the child of a fork: it answers the next request, not this one.
class Forked : Throwable { this() { super("its parent answers"); } }

/// Calls the system, and throws an ErrnoException where it answers -1.
auto system(alias call, Args...)(auto ref Args arguments) {
    const result = call(arguments);
    errnoEnforce(result != -1, __traits(identifier, call));
    return result;
}

/// Waits until there is something to be read.
void await(int fd, double seconds) {
    auto waited = pollfd(fd, POLLIN);
    const milliseconds = seconds < int.max / 1000 ? cast(int) ceil(seconds * 1000) : -1;
    enforce(system!poll(&waited, 1, milliseconds), new Condition("timed-out", "nothing in time"));
}

/// Marks a method that is an operation: named as it, with its fields for parameters.
struct operation {}

/// The operations on descriptors.
class Descriptors {
    private int[] held; // by `fill`
    private immutable int slots; // of the table

    this() {
        slots = cast(int) system!sysconf(_SC_OPEN_MAX);
    }

@operation:
    auto open(string path, string[] flags) {
        const modes = ["read": O_RDONLY, "write": O_WRONLY, "both": O_RDWR, "append": O_APPEND,
            "nonblocking": O_NONBLOCK, "create": O_CREAT, "directory": O_DIRECTORY];
        int mode = O_NOCTTY | O_CLOEXEC;
        foreach (flag; flags)
            mode |= *enforce(flag in modes, "there is no flag " ~ flag);
        return tuple!"fd"(system!(.open)(path.toStringz, mode, octal!600));
    }

    auto socketpair() {
        int[2] ends;
        system!connectedPair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
        return tuple!"fds"(ends.dup);
    }

    auto write(int fd, string hex) {
        const bytes = hex.chunks(2).map!(digits => digits.to!ubyte(16)).array;
        return tuple!"count"(system!(.write)(fd, bytes.ptr, bytes.length));
    }

    auto read(int fd, size_t count, double timeout = double.infinity) {
        await(fd, timeout);
        auto bytes = new ubyte[count];
        bytes.length = system!(.read)(fd, bytes.ptr, count);
        return tuple!"hex"(bytes.toHexString!(LetterCase.lower));
    }

    auto seek(int fd, long offset) { return tuple!"offset"(system!lseek(fd, offset, SEEK_SET)); }
    void close(int fd) { system!(.close)(fd); }

    auto flags(int fd) {
        const status = system!fcntl(fd, F_GETFL);
        const access = [O_RDONLY: "read", O_WRONLY: "write", O_RDWR: "both"];
        return tuple!("nonblocking", "append", "cloexec", "access")(
            (status & O_NONBLOCK) != 0, (status & O_APPEND) != 0,
            (system!fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, access.get(status & O_ACCMODE, "none"));
    }

    void set_nonblocking(int fd, bool on) {
        const status = system!fcntl(fd, F_GETFL);
        system!fcntl(fd, F_SETFL, on ? status | O_NONBLOCK : status & ~O_NONBLOCK);
    }

    auto identity(int fd) {
        stat_t about;
        system!fstat(fd, &about);
        const kinds = [S_IFREG: "file", S_IFDIR: "directory", S_IFIFO: "pipe", S_IFSOCK: "socket",
            S_IFCHR: "character device", S_IFBLK: "block device"];
        const kind = kinds.get(about.st_mode & S_IFMT, "other");
        return tuple!("dev", "ino", "kind")(about.st_dev, about.st_ino, kind);
    }

    void limit(rlim_t descriptors) {
        rlimit limits;
        system!getrlimit(RLIMIT_NOFILE, &limits);
        limits.rlim_cur = descriptors;
        system!setrlimit(RLIMIT_NOFILE, &limits);
    }

    auto fill(size_t leave) {
        for (int fd; (fd = dup(0)) != -1;)
            held ~= fd;
        errnoEnforce(errno == EMFILE, "dup");
        free(leave);
        return tuple!"filled"(held.length);
    }

    auto free(size_t count = size_t.max) {
        const freed = held[$ - min(count, $) .. $];
        held = held[0 .. $ - freed.length];
        foreach (fd; freed)
            close(fd);
        return tuple!"freed"(freed.length);
    }

    auto table() { return tuple!"fds"(iota(slots).filter!(fd => fcntl(fd, F_GETFD) != -1).array); }

    auto fork(int stdin, int stdout) {
        const pid = system!(.fork)();
        if (pid == 0) {
            system!dup2(stdin, 0);
            system!dup2(stdout, 1);
        }
        close(stdin);
        close(stdout);
        if (pid == 0)
            throw new Forked;
        return tuple!"pid"(pid);
    }
}

/// Waits for the children, whose input ends before this one's.
void reap() { while (waitpid(-1, cast(int*) null, 0) != -1) {} }
