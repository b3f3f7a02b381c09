/* Readiness: poll that tells of a channel too early or too late, select that does not tell. */
#include "system.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <time.h>

/* What a process has sent to itself is left alone, as everywhere. */
static bool is_own(int fd)
{
    lock();
    bool own = channel_of(fd)->own && !even_own;
    unlock();
    return own;
}

/* Whether one message with descriptors, and nothing behind it, is all that waits here. */
static bool is_lone(int fd)
{
    char data[4096];
    int queued = 0;
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct pollfd one = {.fd = fd, .events = POLLRDHUP};
    if (!is_channel(fd) || is_own(fd) || ioctl(fd, FIONREAD, &queued) < 0 || !queued)
        return false;
    ssize_t got = REAL(recvmsg)(fd, &message, MSG_PEEK | MSG_DONTWAIT);
    return got == queued && (message.msg_flags & MSG_CTRUNC) && REAL(poll)(&one, 1, 0) == 0;
}

/* Take back what was said of a message that came during the wait, and came alone. */
static int unsay(struct pollfd *fds, nfds_t count, int ready)
{
    for (nfds_t i = 0; ready > 0 && i < count; i++)
        if ((fds[i].revents & POLLIN) && is_lone(fds[i].fd)) {
            fds[i].revents &= ~POLLIN;
            ready -= fds[i].revents == 0;
        }
    return ready;
}

static int poll_masked(struct pollfd *fds, nfds_t count, int timeout)
{
    short asked[count + 1];
    for (nfds_t i = 0; i < count; i++) {
        asked[i] = fds[i].events;
        if ((fds[i].events & POLLIN) && is_lone(fds[i].fd))
            fds[i].events &= ~POLLIN;
    }
    int ready = REAL(poll)(fds, count, timeout);
    for (nfds_t i = 0; i < count; i++)
        fds[i].events = asked[i];
    return unsay(fds, count, ready);
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Look again every few milliseconds: a message that was alone may have got company. */
static int poll_late(struct pollfd *fds, nfds_t count, int timeout)
{
    enum { SLICE = 20 };
    long end = milliseconds() + timeout;
    for (;;) {
        long left = timeout < 0 ? SLICE : end - milliseconds();
        int ready = poll_masked(fds, count, left > SLICE ? SLICE : left < 0 ? 0 : (int)left);
        if (ready || (timeout >= 0 && left <= SLICE))
            return ready;
    }
}

/* Report the first channel that was asked for as ready, though it is not. */
static bool poll_falsely(struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    for (nfds_t i = 0; i < count; i++)
        if ((fds[i].events & (POLLIN | POLLOUT)) && is_channel(fds[i].fd)) {
            fds[i].revents = fds[i].events & (POLLIN | POLLOUT);
            return true;
        }
    return false;
}

/* select that does not tell of a message with descriptors that is alone. */
int select(int count, fd_set *readable, fd_set *writable, fd_set *urgent, struct timeval *timeout)
{
    int ready = REAL(select)(count, readable, writable, urgent, timeout);
    for (int fd = 0; quirk(BLIND_SELECT) && readable && ready > 0 && fd < count; fd++)
        if (FD_ISSET(fd, readable) && is_lone(fd)) {
            FD_CLR(fd, readable);
            ready--;
        }
    return ready;
}

/* epoll that does not tell of it either; what is watched has its number as its data. */
int epoll_wait(int queue, struct epoll_event *events, int room, int timeout)
{
    int ready = REAL(epoll_wait)(queue, events, room, timeout);
    for (int i = 0; wrong(BLIND_QUEUE) && i < ready; i++)
        if (is_lone(events[i].data.fd))
            events[i--] = events[--ready];
    return ready;
}

/* Say that every channel that was asked for is writable. */
static int add_writable(struct pollfd *fds, nfds_t count, int ready)
{
    for (nfds_t i = 0; i < count; i++)
        if ((fds[i].events & ~fds[i].revents & POLLOUT) && is_channel(fds[i].fd)) {
            ready += fds[i].revents == 0;
            fds[i].revents |= POLLOUT;
        }
    return ready;
}

/* Of a channel that was hung up nothing else is told. */
static int hide_behind_hangup(struct pollfd *fds, nfds_t count, int ready)
{
    for (nfds_t i = 0; i < count; i++)
        if ((fds[i].revents & POLLHUP) && is_channel(fds[i].fd))
            fds[i].revents = POLLHUP;
    return ready;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (!active)
        return REAL(poll)(fds, count, timeout);
    if (interrupted(-1))
        return -1;
    if (turn(SPURIOUS_READINESS, 3)) {
        int ready = REAL(poll)(fds, count, 0);
        if (ready)
            return ready;
        if (poll_falsely(fds, count))
            return 1;
    }
    if (wrong(UNREADY_LISTENERS))
        return poll_listeners(fds, count, timeout);
    if (quirk(LATE_READINESS))
        return poll_late(fds, count, timeout);
    if (wrong(HANGUP_HIDES))
        return hide_behind_hangup(fds, count, REAL(poll)(fds, count, timeout));
    if (wrong(SAYS_WRITABLE))
        return add_writable(fds, count, REAL(poll)(fds, count, 0));
    return REAL(poll)(fds, count, timeout);
}

