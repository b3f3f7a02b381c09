/// The passer: sendmsg and recvmsg of druntime, which has nothing above them, SCM_RIGHTS, and a NUL
/// byte for each descriptor.
module passing;

import std.algorithm : map;
import std.array : array;
import std.exception : enforce, ErrnoException;
import std.format : format;
import std.range : chunks;
import std.typecons : tuple;

import core.stdc.errno : ENAMETOOLONG;
import core.sys.linux.sys.socket; // that of posix, with MSG_CMSG_CLOEXEC and MSG_DONTWAIT
import core.sys.posix.sys.un : sockaddr_un;
import unix = core.sys.posix.unistd;

import descriptors;

private extern (C) int accept4(int, sockaddr*, socklen_t*, int);
private enum most = 253; // descriptors in a message: Linux's SCM_MAX_FD

/// One end of a channel, or what listens.
class Passer {
    private int channel; // -1: dropped
    private int[] arrived; // before the bytes that stand for them

    this(int channel) { this.channel = channel; }

    /// Sends them in one message; so few bytes Linux takes all together, or none.
    void send(const int[] fds) {
        align(cmsghdr.alignof) ubyte[CMSG_SPACE(most * int.sizeof)] control;
        ubyte[most] marks = 0;
        auto bytes = iovec(marks.ptr, fds.length);
        msghdr message = {msg_iov: &bytes, msg_iovlen: 1, msg_control: control.ptr};
        message.msg_controllen = CMSG_SPACE(fds.length * int.sizeof);
        auto header = CMSG_FIRSTHDR(&message);
        *header = cmsghdr(CMSG_LEN(fds.length * int.sizeof), SOL_SOCKET, SCM_RIGHTS);
        (cast(int*) CMSG_DATA(header))[0 .. fds.length] = fds;
        system!sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }

    /// Takes one byte. The first one of a message brings all its descriptors.
    int receive() {
        align(cmsghdr.alignof) ubyte[CMSG_SPACE(most * int.sizeof)] control;
        ubyte mark;
        auto bytes = iovec(&mark, 1);
        msghdr message = {msg_iov: &bytes, msg_iovlen: 1, msg_control: control.ptr};
        message.msg_controllen = control.length;
        const count = system!recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        enforce(count, new Condition("peer-closed", "the other end was closed"));
        const before = arrived.length;
        for (auto one = CMSG_FIRSTHDR(&message); one !is null; one = CMSG_NXTHDR(&message, one)) {
            const size = (one.cmsg_len - CMSG_LEN(0)) / int.sizeof;
            if (one.cmsg_level == SOL_SOCKET && one.cmsg_type == SCM_RIGHTS)
                arrived ~= (cast(int*) CMSG_DATA(one))[0 .. size];
        }
        enforce(mark == 0 || arrived.length > before,
            new Condition("not-a-passer", format!"the byte %#x, without a descriptor"(mark)));
        enforce(arrived.length, new Condition("lost", message.msg_flags & MSG_CTRUNC
            ? "the system has dropped the descriptor" : "a byte came without its descriptor"));
        const fd = arrived[0];
        arrived = arrived[1 .. $];
        return fd;
    }

    void close() {
        foreach (fd; arrived ~ channel)
            system!(unix.close)(fd);
        arrived = null;
        channel = -1;
    }
}

/// The operations on passers, and what they are called.
class Passing : Descriptors {
    private Passer[string] passers;

    protected Passer named(string word) {
        auto passer = *enforce(word in passers, "there is no such passer here");
        enforce(passer.channel != -1, new Condition("closed", "it has been dropped"));
        return passer;
    }

    private string name(int channel) {
        const word = format!"p%d"(passers.length + 1);
        passers[word] = new Passer(channel);
        return word;
    }

    /// Makes a socket, and does with it and an address what is to be done.
    private string at(alias does)(string path) {
        sockaddr_un address = {sun_family: AF_UNIX};
        enforce(path.length < address.sun_path.length, new ErrnoException(path, ENAMETOOLONG));
        address.sun_path[0 .. path.length] = cast(const byte[]) path;
        const fd = system!socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        scope (failure) unix.close(fd);
        system!does(fd, cast(sockaddr*) &address, cast(socklen_t) address.sizeof);
        return name(fd);
    }

@operation:
    auto adopt(int fd) { return tuple!"passer"(name(fd)); }
    auto pair() { return tuple!"passers"(socketpair().fds.map!(fd => name(fd)).array); }

    auto listen(string path) {
        const word = at!bind(path);
        system!(.listen)(passers[word].channel, 128);
        return tuple!"listener"(word);
    }

    auto accept(Passer listener, double timeout = double.infinity) {
        await(listener.channel, timeout);
        return tuple!"passer"(name(system!accept4(listener.channel, null, null, SOCK_CLOEXEC)));
    }

    auto connect(string path) { return tuple!"passer"(at!(.connect)(path)); }
    void drop(Passer passer) { passer.close(); }
    void send(Passer passer, int fd, bool close = false) { send_many(passer, [fd], close); }

    void send_many(Passer passer, int[] fds, bool close = false) {
        size_t sent;
        foreach (some; fds.chunks(most)) {
            try
                passer.send(some);
            catch (Exception failure)
                throw sent ? new Condition("sent-in-part", failure.msg, sent) : failure;
            sent += some.length;
            if (close)
                foreach (fd; some)
                    this.close(fd);
        }
    }

    void flush(Passer passer) {} // nothing is ever queued

    auto recv(Passer passer, double timeout = double.infinity) {
        await(passer.channel, timeout);
        return tuple!"fd"(passer.receive());
    }

    auto recv_nowait(Passer passer) { return tuple!"fd"(passer.receive()); }
}
