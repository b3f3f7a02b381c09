/*
 * One end of a stream pipe: bytes and passed files in one queue.
 *
 * Under it is a Unix stream socket. What goes through it are units, so that a reader sees what is
 * next without taking it: a byte is 'D' and the byte; a passed file is 'F' with its sender's ids,
 * and carries the descriptor; 'A' lets a client in. All have an even length, and a sendmsg sends
 * whole units and so few that the kernel takes all or nothing of them.
 *
 * A reader looks at the units without a control buffer (no descriptor is installed then), under a
 * lock that holds for other processes too, and takes exactly the bytes it has understood.
 */
#include "simulated.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct passed {
    char kind[2];
    char uid[4], gid[4]; /* of no alignment */
};

enum {
    UNIT = 2,
    AT_ONCE = 512,    /* bytes in a sendmsg: far below the smallest send buffer's half */
    LOOK_AHEAD = 8192, /* bytes of units that a reader looks at */
};

/* Receiving. */

/* Look at what is next: how many bytes of units; 0 at a hang-up; -1 also where there is nothing. */
static ssize_t look(int fd, char *units, size_t size)
{
    ssize_t got = real()->recvfrom(fd, units, size, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
    /* Linux says it of a peer that closed with bytes unread; a stream is hung up, no more. */
    return got < 0 && errno == ECONNRESET ? 0 : got;
}

static void take(int fd, char *units, size_t size)
{
    while (real()->recvfrom(fd, units, size, MSG_DONTWAIT, NULL, NULL) < 0 && errno == EINTR)
        ;
}

/* Wait until something is next, or a hang-up: false with errno where that may not be. */
static bool await(int fd)
{
    char first;
    if (nonblocking(fd)) {
        errno = EAGAIN;
        return false;
    }
    return real()->recvfrom(fd, &first, 1, MSG_PEEK, NULL, NULL) >= 0 || errno == ECONNRESET;
}

/* How many bytes lie before the first passed file. */
static size_t bytes_before_file(const char *units, size_t size)
{
    size_t count = 0;
    while (count < size / UNIT && units[count * UNIT] == 'D')
        count++;
    return count;
}

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

static ssize_t try_read(int fd, char *data, size_t size)
{
    char units[LOOK_AHEAD];
    ssize_t got = look(fd, units, smaller(size * UNIT, sizeof units));
    if (got <= 0)
        return got;
    size_t count = bytes_before_file(units, (size_t)got);
    if (!count && fault(READ_DISCARDS)) {
        take(fd, units, sizeof(struct passed));
        return try_read(fd, data, size);
    }
    if (!count)
        return fail(EBADMSG);
    take(fd, units, count * UNIT);
    for (size_t i = 0; i < count; i++)
        data[i] = units[i * UNIT + 1];
    return (ssize_t)count;
}

ssize_t stream_read(int fd, char *data, size_t size)
{
    if (!size)
        return 0;
    for (;;) {
        lock_end(fd);
        ssize_t got = try_read(fd, data, size);
        unlock_end(fd);
        if (got >= 0 || errno != EAGAIN || !await(fd))
            return got;
    }
}

static int installed(const struct msghdr *message)
{
    int fd = -1;
    const struct cmsghdr *control = CMSG_FIRSTHDR(message);
    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len >= CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
}

/* A peek installs the descriptor and leaves the message: with a full table nothing is lost. */
static int try_receive_fd(int fd, struct strrecvfd *received)
{
    struct passed unit;
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&unit, sizeof unit};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t got = look(fd, unit.kind, sizeof unit.kind);
    if (got <= 0)
        return got < 0 ? -1 : fail(ENXIO);
    if (*unit.kind != 'F')
        return fail(EBADMSG);
    if (real()->recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) < 0)
        return -1;
    int passed = installed(&message);
    if (passed >= 0 || fault(LOSES_PUT_BACK))
        take(fd, (char *)&unit, sizeof unit);
    if (passed < 0)
        return fail(EMFILE);
    *received = (struct strrecvfd){.fd = passed};
    memcpy(&received->uid, unit.uid, sizeof received->uid);
    memcpy(&received->gid, unit.gid, sizeof received->gid);
    return 0;
}

int stream_receive_fd(int fd, struct strrecvfd *received)
{
    for (;;) {
        lock_end(fd);
        int result = try_receive_fd(fd, received);
        unlock_end(fd);
        if (result == 0 || errno != EAGAIN || !await(fd))
            return result;
    }
}

/* Bytes are one message here, up to the next passed file, whatever the writes were. */
int stream_peek(int fd, struct strpeek *peek)
{
    char units[LOOK_AHEAD];
    lock_end(fd);
    ssize_t got = look(fd, units, sizeof units);
    unlock_end(fd);
    if (got <= 0 || peek->flags & RS_HIPRI)
        return got < 0 && errno != EAGAIN ? -1 : 0;
    size_t count = bytes_before_file(units, (size_t)got);
    if (!count)
        return fail(EBADMSG);
    struct strbuf *data = &peek->databuf;
    peek->flags = 0;
    peek->ctlbuf.len = peek->ctlbuf.maxlen == 0 ? 0 : -1;
    data->len = data->maxlen < 0 ? -1 : (int)smaller(count, (size_t)data->maxlen);
    for (int i = 0; i < data->len; i++)
        data->buf[i] = units[i * UNIT + 1];
    return peek->ctlbuf.len == -1 && data->len == -1 ? 0 : 1;
}

bool stream_hung_up(int fd)
{
    struct pollfd one = {.fd = fd};
    return real()->poll(&one, 1, 0) == 1 && one.revents & POLLHUP;
}

/* Sending. */

static int write_units(int fd, const char *data, size_t size)
{
    char units[AT_ONCE * UNIT];
    for (size_t i = 0; i < size; i++) {
        units[i * UNIT] = 'D';
        units[i * UNIT + 1] = data[i];
    }
    if (real()->sendto(fd, units, size * UNIT, MSG_NOSIGNAL, NULL, 0) >= 0)
        return 0;
    if (errno == ECONNRESET)
        errno = EPIPE;
    return -1;
}

ssize_t stream_write(int fd, const char *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t part = smaller(size - done, AT_ONCE);
        if (write_units(fd, data + done, part) < 0)
            break;
        done += part;
    }
    if (done || !size)
        return (ssize_t)done;
    if (errno == EPIPE) {
        raise(SIGPIPE); /* fifo_write() */
        errno = EPIPE;
    }
    return -1;
}

int stream_send_fd(int fd, int passed)
{
    struct passed unit = {.kind = "FF"};
    uint32_t uid = geteuid(), gid = getegid();
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec data = {&unit, sizeof unit};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    memcpy(unit.uid, &uid, sizeof uid);
    memcpy(unit.gid, &gid, sizeof gid);
    memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
    if (fcntl(passed, F_GETFD) < 0)
        return -1; /* EBADF, also where the stream is hung up */
    if (real()->sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        errno = ENXIO;
    else if (errno == ETOOMANYREFS || errno == ENOBUFS)
        errno = EAGAIN; /* limits of Linux */
    return -1;
}

/* The server's part and the client's of an open that connld answers. */

int stream_let_in(int fd)
{
    return real()->sendto(fd, "AA", UNIT, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) < 0 ? -1 : 0;
}

int stream_wait_for_server(int fd)
{
    char unit[UNIT];
    ssize_t got = real()->recvfrom(fd, unit, sizeof unit, MSG_WAITALL, NULL, NULL);
    if (got == UNIT)
        return 0;
    return got < 0 && errno == EINTR ? -1 : fail(ENXIO);
}

int stream_pipe(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return -1;
    if (mark(ends[0]) && mark(ends[1]))
        return 0;
    shut(ends[0]);
    shut(ends[1]);
    return -1;
}
