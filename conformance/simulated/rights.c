/*
 * sendmsg() and recvmsg() of Unix sockets as illumos has them, twice: the plain names with access
 * rights (4.3), and the __xnet_ names with control messages (4.4). Structures, constants and what
 * becomes of descriptors are illumos'; under them are Linux's calls and SCM_RIGHTS.
 */
#include "simulated.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* usr/src/uts/common/sys/socket.h, LP64. The two have one shape, and the older has no flags. */
struct illumos_msghdr {
    void *msg_name;
    uint32_t msg_namelen;
    struct iovec *msg_iov;
    int msg_iovlen;
    void *msg_control;       /* msg_accrights */
    uint32_t msg_controllen; /* msg_accrightslen */
    int msg_flags;
};

struct illumos_cmsghdr {
    uint32_t cmsg_len;
    int cmsg_level;
    int cmsg_type;
};

_Static_assert(sizeof(struct illumos_msghdr) == 48, "sys/socket.h");
_Static_assert(offsetof(struct illumos_msghdr, msg_controllen) == 40, "sys/socket.h");
_Static_assert(sizeof(struct illumos_cmsghdr) == 12, "sys/socket.h");

enum {
    ILLUMOS_SOL_SOCKET = 0xffff,
    ILLUMOS_SCM_RIGHTS = 0x1010,
    MOST_CONTROL = 8192, /* SO_MAXARGSIZE */
    MOST_PARTS = 1024,   /* IOV_MAX */
    INT = sizeof(int),
    HEADER = sizeof(struct illumos_cmsghdr),
    MOST_RIGHTS = 2048, /* more than fit MOST_CONTROL; Linux takes 253 */
};

static const struct {
    int illumos, linux_;
} FLAGS[] = {
    {0x1, MSG_OOB},      {0x2, MSG_PEEK},      {0x4, MSG_DONTROUTE},    {0x8, MSG_EOR},
    {0x10, MSG_CTRUNC},  {0x20, MSG_TRUNC},    {0x40, MSG_WAITALL},     {0x80, MSG_DONTWAIT},
    {0x200, MSG_NOSIGNAL}, {0x1000, MSG_CMSG_CLOEXEC},
};

static int to_linux(int flags)
{
    int result = 0;
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
        if (flags & FLAGS[i].illumos)
            result |= FLAGS[i].linux_;
    return result;
}

static int to_illumos(int flags)
{
    int result = 0;
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
        if (flags & FLAGS[i].linux_)
            result |= FLAGS[i].illumos;
    return result;
}

struct rights {
    size_t count;
    int fds[MOST_RIGHTS];
};

static void close_from(const struct rights *rights, size_t first)
{
    for (size_t i = first; i < rights->count; i++)
        shut(rights->fds[i]);
}

/* Sending. */

static ssize_t send_rights(int fd, const struct illumos_msghdr *message, int flags,
                           const struct rights *rights)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof rights->fds)];
    } control;
    size_t size = rights->count * INT;
    struct msghdr real_message = {.msg_name = message->msg_name,
                                  .msg_namelen = message->msg_namelen,
                                  .msg_iov = message->msg_iov,
                                  .msg_iovlen = (size_t)message->msg_iovlen};
    if (size) {
        memset(&control, 0, CMSG_SPACE(size));
        control.header = (struct cmsghdr){CMSG_LEN(size), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), rights->fds, size);
        real_message.msg_control = &control;
        real_message.msg_controllen = CMSG_SPACE(size);
    }
    return real()->sendmsg(fd, &real_message, to_linux(flags));
}

static void take_rights(struct rights *rights, const void *from, size_t size)
{
    rights->count = size / INT;
    memcpy(rights->fds, from, rights->count * INT);
}

/* so_getfdopt(): one control message with descriptors, not two. */
static int find_rights(const char *control, size_t size, struct rights *rights)
{
    struct illumos_cmsghdr header;
    bool found = false;
    for (size_t at = 0; at + HEADER <= size; at += (header.cmsg_len + 3u) & ~3u) {
        memcpy(&header, control + at, HEADER);
        if (header.cmsg_len < HEADER || header.cmsg_len > size - at)
            break;
        if (header.cmsg_level != ILLUMOS_SOL_SOCKET || header.cmsg_type != ILLUMOS_SCM_RIGHTS)
            continue;
        if (found)
            return fail(EINVAL);
        take_rights(rights, control + at + HEADER, header.cmsg_len - HEADER);
        found = true;
    }
    return 0;
}

static ssize_t send_message(int fd, const struct illumos_msghdr *message, int flags, bool xpg)
{
    struct rights rights = {.count = 0};
    if (kind_of(fd) != OTHER)
        return fail(ENOTSOCK);
    if (message->msg_iovlen < 0 || message->msg_iovlen > MOST_PARTS ||
        (xpg && message->msg_iovlen == 0))
        return fail(EMSGSIZE);
    if (message->msg_control && message->msg_controllen) {
        if (message->msg_controllen > MOST_CONTROL)
            return fail(EINVAL);
        if (!xpg)
            take_rights(&rights, message->msg_control, message->msg_controllen);
        else if (find_rights(message->msg_control, message->msg_controllen, &rights) < 0)
            return -1;
    }
    return send_rights(fd, message, flags, &rights);
}

/* Receiving. */

static void collect(struct msghdr *message, struct rights *rights)
{
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one))
        if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_RIGHTS)
            take_rights(rights, CMSG_DATA(one), one->cmsg_len - CMSG_LEN(0));
}

/* recvit() for the older form: whole ints, no flags; what does not fit is closed. */
static void give_old(struct illumos_msghdr *message, const struct rights *rights)
{
    size_t room = message->msg_control ? message->msg_controllen / INT : 0;
    size_t given = rights->count < room ? rights->count : room;
    close_from(rights, given);
    if (given)
        memcpy(message->msg_control, rights->fds, given * INT);
    message->msg_controllen = (uint32_t)(given * INT);
    if (fault(WHOLE_LENGTH))
        message->msg_controllen = (uint32_t)(rights->count * INT);
}

/* recvit() for the newer form: the last message is cut to what fits, and so is its length. */
static void give_new(struct illumos_msghdr *message, const struct rights *rights)
{
    struct illumos_cmsghdr header = {(uint32_t)(HEADER + rights->count * INT), ILLUMOS_SOL_SOCKET,
                                     ILLUMOS_SCM_RIGHTS};
    size_t size = rights->count ? header.cmsg_len : 0;
    size_t room = message->msg_control ? message->msg_controllen : 0;
    if (size > room) {
        message->msg_flags |= to_illumos(MSG_CTRUNC);
        close_from(rights, room < HEADER ? 0 : (room - HEADER) / INT);
        header.cmsg_len = (uint32_t)(size = room);
    }
    if (size >= HEADER) {
        memcpy(message->msg_control, &header, HEADER);
        memcpy((char *)message->msg_control + HEADER, rights->fds, size - HEADER);
    }
    message->msg_controllen = (uint32_t)size;
}

static ssize_t receive_message(int fd, struct illumos_msghdr *message, int flags, bool xpg)
{
    char control[CMSG_SPACE(253 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    struct rights rights = {.count = 0};
    /* A peek shows bytes only; without a buffer nothing is installed, and so it needs no slot. */
    bool wanted = message->msg_controllen && !(flags & to_illumos(MSG_PEEK));
    if (kind_of(fd) != OTHER)
        return fail(ENOTSOCK);
    if (message->msg_iovlen <= 0 || message->msg_iovlen > MOST_PARTS)
        return fail(EMSGSIZE);
    struct msghdr real_message = {.msg_name = message->msg_name,
                                  .msg_namelen = message->msg_namelen,
                                  .msg_iov = message->msg_iov,
                                  .msg_iovlen = (size_t)message->msg_iovlen,
                                  .msg_control = wanted ? control : NULL,
                                  .msg_controllen = wanted ? sizeof control : 0};
    ssize_t got = real()->recvmsg(fd, &real_message, to_linux(flags));
    if (got < 0)
        return got;
    if (wanted)
        collect(&real_message, &rights);
    if (wanted && real_message.msg_flags & MSG_CTRUNC) {
        /* The table is full. fdbuf_extract(): all is undone, and the message is gone. */
        close_from(&rights, 0);
        return fail(EMFILE);
    }
    message->msg_namelen = real_message.msg_namelen;
    if (flags & to_illumos(MSG_PEEK))
        real_message.msg_flags &= ~MSG_CTRUNC;
    if (xpg)
        message->msg_flags = to_illumos(real_message.msg_flags & ~MSG_CMSG_CLOEXEC);
    if (!wanted)
        message->msg_controllen = 0;
    else if (xpg)
        give_new(message, &rights);
    else
        give_old(message, &rights);
    return got;
}

/* The names. Those that Linux has too mean illumos' only for ctypes. */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (from_ffi(__builtin_return_address(0)))
        return send_message(fd, (const void *)message, flags, false);
    return kind_of(fd) == OTHER ? real()->sendmsg(fd, message, flags) : fail(ENOTSOCK);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (from_ffi(__builtin_return_address(0)))
        return receive_message(fd, (void *)message, flags, false);
    return kind_of(fd) == OTHER ? real()->recvmsg(fd, message, flags) : fail(ENOTSOCK);
}

ssize_t __xnet_sendmsg(int fd, const struct illumos_msghdr *message, int flags);
ssize_t __xnet_sendmsg(int fd, const struct illumos_msghdr *message, int flags)
{
    return send_message(fd, message, flags, true);
}

ssize_t __xnet_recvmsg(int fd, struct illumos_msghdr *message, int flags);
ssize_t __xnet_recvmsg(int fd, struct illumos_msghdr *message, int flags)
{
    return receive_message(fd, message, flags, true);
}
