#define _GNU_SOURCE /* accept4, SOCK_CLOEXEC, MSG_CMSG_CLOEXEC where the headers ask for it */
/* The passer: a NUL byte and a control message of one descriptor, as unix(7) and cmsg(3) have it.

   What the flags of the two calls give, it takes: no SIGPIPE, no waiting, close-on-exec. It keeps no
   queue and no free slot, tries nothing again, and puts no bytes together.
 */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { MOST = 2000 };
static int sockets[MOST]; /* by the numbers in their names; -1: dropped */
static int named;

static int name_it(int fd)
{
    if (named == MOST)
        abort();
    sockets[named] = fd;
    return ++named;
}

static int *of(const char *name)
{
    int which = atoi(text(name) + 1);

    if (which < 1 || which > named)
        refuse("there is no such passer here");
    return &sockets[which - 1];
}

static int passer(void)
{
    int fd = *of("passer");

    if (fd < 0)
        fail("passer", "closed", 0, "it has been dropped");
    return fd;
}

/* -- channels -- */

static void op_adopt(void)
{
    int fd = (int)number("fd"), type;
    socklen_t size = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        fail_os(errno);
    answer("\"ok\": {\"passer\": \"s%d\"}", name_it(fd));
}

static void op_pair(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        fail_os(errno);
    name_it(ends[0]);
    name_it(ends[1]);
    answer("\"ok\": {\"passers\": [\"s%d\", \"s%d\"]}", named - 1, named);
}

static struct sockaddr_un address(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = text("path");

    if (strlen(path) >= sizeof at.sun_path)
        fail_os(ENAMETOOLONG);
    strcpy(at.sun_path, path);
    return at;
}

static void op_listen(void)
{
    struct sockaddr_un at = address();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fail_os(errno);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 128) < 0) {
        int number = errno;

        close(fd);
        fail_os(number);
    }
    answer("\"ok\": {\"listener\": \"s%d\"}", name_it(fd));
}

static void op_accept(void)
{
    int listener = *of("listener"), fd;

    if (!wait_for(listener, POLLIN, timeout()))
        fail("passer", "timed-out", 0, "nobody has connected in time");
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        fail_os(errno);
    answer("\"ok\": {\"passer\": \"s%d\"}", name_it(fd));
}

static void op_connect(void)
{
    struct sockaddr_un at = address();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fail_os(errno);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        int number = errno;

        close(fd);
        fail_os(number);
    }
    answer("\"ok\": {\"passer\": \"s%d\"}", name_it(fd));
}

static void op_drop(void)
{
    int *fd = of("passer");

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    answer("\"ok\": {}");
}

/* -- passing -- */

union control {
    struct cmsghdr header; /* for its alignment */
    char room[CMSG_SPACE(sizeof(int))];
};

static void fail_message(int number)
{
    if (number == EPIPE || number == ECONNRESET)
        fail("passer", "peer-reset", number, strerror(number));
    fail_os(number);
}

static void op_send(void)
{
    union control control = {0};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room};
    int end = passer(), fd = (int)number("fd");

    message.msg_controllen = sizeof control.room;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    if (sendmsg(end, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        fail_message(errno);
    if (truth("close"))
        close(fd);
    answer("\"ok\": {}");
}

static void op_flush(void)
{
    passer();
    answer("\"ok\": {}");
}

static void receive(int end)
{
    union control control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room};
    struct cmsghdr *header;
    int fds[2]; /* on 64-bit systems the padding has room for a second one */
    size_t count = 0, i;
    ssize_t got;

    message.msg_controllen = sizeof control.room;
    got = recvmsg(end, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        fail_message(errno);
    header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
        memcpy(fds, CMSG_DATA(header), count * sizeof *fds);
    }
    if (got == 1 && count == 1 && !(message.msg_flags & MSG_CTRUNC)) {
        answer("\"ok\": {\"fd\": %d}", fds[0]);
        return;
    }
    for (i = 0; i < count; i++)
        close(fds[i]);
    if (message.msg_flags & MSG_CTRUNC)
        fail("passer", "lost", 0, "the control message was truncated");
    if (!got)
        fail("passer", "peer-closed", 0, "the stream has ended");
    if (!count && !byte)
        fail("passer", "lost", 0, "a byte came without its descriptor");
    fail("passer", "not-a-passer", 0, "what came is not a NUL byte with one descriptor");
}

static void op_recv(void)
{
    int end = passer();

    if (!wait_for(end, POLLIN, timeout()))
        fail("passer", "timed-out", 0, "nothing has arrived in time");
    receive(end);
}

static void op_recv_nowait(void)
{
    receive(passer());
}

const struct operation passing_operations[] = {
    {"adopt", op_adopt}, {"pair", op_pair}, {"listen", op_listen}, {"accept", op_accept},
    {"connect", op_connect}, {"drop", op_drop}, {"send", op_send}, {"flush", op_flush},
    {"recv", op_recv}, {"recv_nowait", op_recv_nowait}, {NULL, NULL},
};
