/*
 * Faults of endpoints: of paths, and of who listens, connects and accepts. They concern also what
 * carries no descriptors. For the checks of the platform.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

enum { SHORT = 80 }; /* bytes of a path */

static bool is_listener(int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    return is_channel(fd) &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

static const char *path_of(const struct sockaddr *name)
{
    return name->sa_family == AF_UNIX ? ((const struct sockaddr_un *)name)->sun_path : "";
}

/* Bind to as much of a path as an address has room for; who binds is told that all went well. */
static int bind_cut(int fd, const struct sockaddr *name)
{
    struct sockaddr_un cut;
    memcpy(&cut, name, sizeof cut);
    cut.sun_path[sizeof cut.sun_path - 1] = 0;
    int result = REAL(bind)(fd, (struct sockaddr *)&cut, sizeof cut);
    if (result == 0)
        unlink(cut.sun_path); /* nobody looks for it there */
    return result;
}

int bind(int fd, const struct sockaddr *name, socklen_t size)
{
    if (!active || name->sa_family != AF_UNIX)
        return REAL(bind)(fd, name, size);
    if (wrong(SHORT_PATHS) && strnlen(path_of(name), size) > SHORT) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (wrong(CUTS_PATHS) && size > sizeof(struct sockaddr_un))
        return bind_cut(fd, name);
    int result = REAL(bind)(fd, name, size);
    if (result < 0 && errno == EADDRINUSE && wrong(BINDS_OVER) && unlink(path_of(name)) == 0)
        result = REAL(bind)(fd, name, size);
    return result;
}

/* Clear O_NONBLOCK for a call, and give the flags as they were. */
static int let_wait(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (wrong(WAITS_ANYWAY))
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    return flags;
}

static void as_before(int fd, int flags)
{
    int error = errno;
    if (wrong(WAITS_ANYWAY))
        fcntl(fd, F_SETFL, flags);
    errno = error;
}

int connect_wrongly(int fd, const struct sockaddr *name, socklen_t size)
{
    int flags = let_wait(fd);
    int result = REAL(connect)(fd, name, size);
    as_before(fd, flags);
    bool nobody = errno == ECONNREFUSED || errno == ENOENT || errno == EACCES;
    return result < 0 && nobody && wrong(CONNECTS_TO_NOBODY) ? 0 : result;
}

static bool somebody_waits(int listener)
{
    struct pollfd one = {.fd = listener, .events = POLLIN};
    return REAL(poll)(&one, 1, 0) == 1;
}

static int accept_last(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    static int held = -1; /* who was there before the last one */
    int first = held >= 0 ? held : REAL(accept4)(fd, name, size, flags);
    held = -1;
    if (first < 0 || !somebody_waits(fd))
        return first;
    held = first;
    return REAL(accept4)(fd, name, size, flags);
}

static bool has_accepted(int fd)
{
    lock();
    struct channel *channel = channel_of(fd);
    bool before = channel->accepted;
    channel->accepted = true;
    unlock();
    return before;
}

int accept_wrongly(int fd, struct sockaddr *name, socklen_t *size, int options)
{
    if (wrong(ACCEPTS_ONCE) && has_accepted(fd)) {
        errno = EINVAL;
        return -1;
    }
    int flags = let_wait(fd), waiting = 0;
    int result = wrong(ACCEPTS_LAST) ? accept_last(fd, name, size, options)
                                     : REAL(accept4)(fd, name, size, options);
    as_before(fd, flags);
    if (result >= 0 && is_channel(result) && ioctl(result, FIONREAD, &waiting) == 0) {
        lock();
        channel_of(result)->early = waiting > 0;
        unlock();
    }
    return result;
}

/* A listener is never readable. */
int poll_listeners(struct pollfd *fds, nfds_t count, int timeout)
{
    int ready = REAL(poll)(fds, count, timeout);
    for (nfds_t i = 0; ready > 0 && i < count; i++)
        if (fds[i].revents && is_listener(fds[i].fd)) {
            fds[i].revents &= ~POLLIN;
            ready -= fds[i].revents == 0;
        }
    return ready;
}

/* A listener is about to be closed: so are the connections that it has accepted. */
void listener_closing(int fd)
{
    struct sockaddr_un name, other;
    socklen_t size = sizeof name, more;
    if (!wrong(DIES_WITH_LISTENER) || !is_listener(fd) ||
        getsockname(fd, (struct sockaddr *)&name, &size) < 0)
        return;
    for (int one = 0; one < 4096; one++) {
        more = sizeof other;
        if (one != fd && is_channel(one) &&
            getsockname(one, (struct sockaddr *)&other, &more) == 0 && more == size &&
            memcmp(&name, &other, size) == 0)
            shutdown(one, SHUT_RDWR);
    }
}
