/*
 * The calls that take the place of libc's, and those that Linux does not have. What is no stream
 * goes to the real call as it is.
 */
#include "simulated.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#define CALLER __builtin_return_address(0)

ssize_t read(int fd, void *data, size_t size)
{
    switch (kind_of(fd)) {
    case END:
        return stream_read(fd, data, size);
    case LISTENER:
        return listener_read(fd, size);
    default:
        return real()->read(fd, data, size);
    }
}

ssize_t write(int fd, const void *data, size_t size)
{
    switch (kind_of(fd)) {
    case END:
        return stream_write(fd, data, size);
    case LISTENER: /* it would wait for a reader of the attached end, which nobody can be here */
        return fail(EINVAL);
    default:
        return real()->write(fd, data, size);
    }
}

/* Only for ctypes: Python's own os.pipe() stays Linux's. */
int pipe(int ends[2])
{
    return from_ffi(CALLER) ? stream_pipe(ends) : real()->pipe(ends);
}

static int stream_ioctl(int fd, enum kind kind, unsigned long request, void *argument)
{
    switch (request) {
    case I_SENDFD:
        return kind == LISTENER ? fail(EINVAL) : stream_send_fd(fd, (int)(intptr_t)argument);
    case I_RECVFD:
        return kind == LISTENER ? listener_receive_fd(fd, argument)
                                : stream_receive_fd(fd, argument);
    case I_PEEK:
        return kind == LISTENER ? listener_peek(fd) : stream_peek(fd, argument);
    case I_PUSH:
        return connld_push(fd, kind, argument);
    case I_POP:
        return connld_pop(fd);
    case I_LOOK:
        return connld_look(fd, argument);
    default:
        return fail(EINVAL);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    enum { STREAMS = 'S' << 8 };
    enum kind kind = (request & ~0xfful) == STREAMS ? kind_of(fd) : OTHER;
    return kind == OTHER ? real()->ioctl(fd, request, argument)
                         : stream_ioctl(fd, kind, request, argument);
}

int isastream(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : kind_of(fd) != OTHER;
}

/* A hang-up and nothing else: no error of a reset, and not writable at the same time. */
int poll(struct pollfd *all, nfds_t count, int timeout)
{
    int result = real()->poll(all, count, timeout);
    for (nfds_t i = 0; result > 0 && i < count; i++)
        if (all[i].revents & (POLLERR | POLLHUP) && kind_of(all[i].fd) == END)
            all[i].revents &= (short)~(POLLERR | POLLOUT);
    return result;
}

/* Streams are no sockets. */

#define NO_SOCKET(fd)                                                                              \
    do                                                                                             \
        if (kind_of(fd) != OTHER)                                                                  \
            return fail(ENOTSOCK);                                                                 \
    while (0)

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *name, socklen_t *room)
{
    NO_SOCKET(fd);
    return real()->recvfrom(fd, data, size, flags, name, room);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    NO_SOCKET(fd);
    return real()->recvfrom(fd, data, size, flags, NULL, NULL);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *name,
               socklen_t length)
{
    NO_SOCKET(fd);
    return real()->sendto(fd, data, size, flags, name, length);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    NO_SOCKET(fd);
    return real()->sendto(fd, data, size, flags, NULL, 0);
}

int getsockname(int fd, struct sockaddr *name, socklen_t *room)
{
    NO_SOCKET(fd);
    return real()->getsockname(fd, name, room);
}

int getpeername(int fd, struct sockaddr *name, socklen_t *room)
{
    NO_SOCKET(fd);
    return real()->getpeername(fd, name, room);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    NO_SOCKET(fd);
    return real()->getsockopt(fd, level, option, value, size);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    NO_SOCKET(fd);
    return real()->setsockopt(fd, level, option, value, size);
}

int shutdown(int fd, int how)
{
    NO_SOCKET(fd);
    return real()->shutdown(fd, how);
}
