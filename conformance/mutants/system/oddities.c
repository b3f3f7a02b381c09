/* Systems that are odd and correct: calls refused, shortened, delayed, and blind peeks. */
#include "system.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVERY = 3 };

static bool is_stream(int fd)
{
    int type;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* Regular files are never interrupted: programs rely on it. */
static bool may_wait(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode));
}

bool interrupted(int fd)
{
    if (!quirk(INTERRUPTS) || (fd >= 0 && !may_wait(fd)) || !turn(INTERRUPTS, EVERY))
        return false;
    errno = EINTR;
    return true;
}

/* Whether a call on a channel is sent away without anything done; errno says how. */
bool refused(int fd, bool nonblocking)
{
    if (interrupted(fd))
        return true;
    if (!nonblocking || !turn(SPURIOUS_EAGAIN, EVERY))
        return false;
    errno = EAGAIN;
    return true;
}

/* Whether a look is sent away, before anything is done. */
bool refused_look(int flags)
{
    if (!quirk(REFUSES_PEEK) || !(flags & MSG_PEEK))
        return false;
    errno = EOPNOTSUPP;
    return true;
}

/*
 * Never a peek: on Linux one whose buffer plain bytes fill exactly shows also the descriptors of
 * the next message, so that shortening it would make a faulty system, not an odd one.
 */
size_t short_read(int fd, size_t size, int flags)
{
    bool cut = quirk(SHORT_READS) && !(flags & (MSG_WAITALL | MSG_PEEK)) && is_stream(fd);
    return cut && size > 1 ? 1 : size;
}

size_t short_write(int fd, size_t size)
{
    return quirk(SHORT_WRITES) && size > 1 && is_stream(fd) ? 1 : size;
}

void dawdle(void)
{
    if (turn(SLOW, EVERY))
        usleep(200);
}

/* Long enough for others to come in between. */
void nap(void)
{
    usleep(300);
}

/* A socket that is seen for the first time. */
void odd_channel(int fd)
{
    int least = 1, on = 1;
    if (quirk(TINY_BUFFERS))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    if (quirk(CREDENTIALS))
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

/* Numbers that are no descriptors, 8 bytes where one descriptor was sent. */
static size_t write_numbers(void *control)
{
    static const unsigned zeros[2], pointer[2] = {0x1234d680u, 0xfffff801u};
    struct cmsghdr head = {
        .cmsg_len = CMSG_LEN(sizeof zeros), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(control, &head, sizeof head);
    memcpy((char *)control + CMSG_LEN(0), quirk(PEEK_ZEROS) ? zeros : pointer, sizeof zeros);
    return CMSG_SPACE(sizeof zeros);
}

/* A peek that installs nothing. Without a control buffer MSG_CTRUNC tells of descriptors. */
ssize_t blind_peek(int fd, struct msghdr *message, int flags)
{
    void *control = message->msg_control;
    size_t room = message->msg_controllen;
    message->msg_control = NULL;
    message->msg_controllen = 0;
    ssize_t got = REAL(recvmsg)(fd, message, flags);
    message->msg_control = control;
    message->msg_controllen = got < 0 ? room : 0;
    if (got > 0 && (message->msg_flags & MSG_CTRUNC) && room >= CMSG_SPACE(2 * sizeof(int))) {
        message->msg_controllen = write_numbers(control);
        message->msg_flags &= ~MSG_CTRUNC;
    }
    return got;
}

/* What a receive gives. */

void hide_truncation(struct delivery *delivery)
{
    delivery->cut = false;
}

void refuse_when_full(struct delivery *delivery)
{
    if (!delivery->cut || !table_is_full())
        return;
    shut_all(&delivery->rights);
    delivery->error = EMSGSIZE;
}

void move_high(struct delivery *delivery)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    int lowest = (int)(limit.rlim_cur < 1024 ? limit.rlim_cur / 2 : 512);
    for (int i = 0; i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i], high = duplicate(fd, lowest, delivery->cloexec);
        if (high >= 0) {
            shut(fd);
            delivery->rights.fds[i] = high;
        }
    }
}
