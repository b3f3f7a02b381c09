/*
 * The server's end of an attached pipe: a listening socket in the place of the pipe's end.
 *
 * A client that waits in open() is a connection nobody has accepted yet; I_RECVFD accepts it. So a
 * full table leaves it where it is, and it is sent away when the last listener is closed.
 */
#include "simulated.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

int listen_at(const struct sockaddr *name, socklen_t size)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), bound = -1;
    if (fd < 0)
        return -1;
    /* is_attached() of somebody may hold the name for a moment. */
    for (int tries = 0; tries < 5; tries++) {
        bound = bind(fd, name, size);
        if (bound == 0 || errno != EADDRINUSE)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (bound == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    if (errno == EADDRINUSE)
        errno = EBUSY;
    shut(fd);
    return -1;
}

/* What waits, if anything does, is a passed file. */
static int wait_for_client(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int ready = real()->poll(&one, 1, nonblocking(fd) ? 0 : -1);
    return ready < 0 ? -1 : fail(ready ? EBADMSG : EAGAIN);
}

ssize_t listener_read(int fd, size_t size)
{
    return size ? wait_for_client(fd) : 0;
}

int listener_peek(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return real()->poll(&one, 1, 0) == 1 ? fail(EBADMSG) : 0;
}

int listener_receive_fd(int fd, struct strrecvfd *received)
{
    struct ucred client = {0};
    socklen_t size = sizeof client;
    int accepted = accept4(fd, NULL, NULL, 0);
    if (accepted < 0)
        return -1;
    real()->getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &client, &size);
    *received = (struct strrecvfd){.fd = accepted, .uid = client.uid, .gid = client.gid};
    stream_let_in(accepted); /* a client that was interrupted has left a stream that is hung up */
    return 0;
}
