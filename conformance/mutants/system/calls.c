/*
 * The calls that take the place of libc's. All of them hand on what is no Unix socket, and what is
 * one but carries no descriptors, as it is; only the odd systems refuse or shorten that too.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

/* Remember the channel, and make it odd, before its first use. */
static struct channel *notice(int fd)
{
    lock();
    struct channel *channel = channel_of(fd);
    unlock();
    return channel;
}

/* Bytes were taken by a call that shows no descriptors: those of the head are gone with them. */
static ssize_t taken(int fd, ssize_t got, int flags)
{
    if (got > 0 && !(flags & MSG_PEEK)) {
        lock();
        struct channel *channel = channel_of(fd);
        if (channel->head)
            channel_consumed(channel);
        unlock();
    }
    return got;
}

static ssize_t receive(int fd, struct msghdr *message, int flags)
{
    size_t room = message->msg_controllen;
    struct pollfd one = {.fd = fd, .events = POLLIN};
    bool blind = (flags & MSG_PEEK) && quirk(PEEK_ZEROS | PEEK_POINTERS);
    if (quirk(IGNORES_DONTWAIT) && room)
        flags &= ~MSG_DONTWAIT;
    int passed = flags & ~(quirk(NO_CLOEXEC) ? MSG_CMSG_CLOEXEC : 0);
    ssize_t got;
    do {
        got = blind                  ? blind_peek(fd, message, passed)
              : quirk(IGNORES_LIMIT) ? receive_beyond_limit(fd, message, passed)
              : quirk(RECEIVE_RACES) ? receive_in_two(fd, message, passed)
                                     : REAL(recvmsg)(fd, message, passed);
    } while (got < 0 && errno == EAGAIN && quirk(RECEIVE_BLOCKS) && room &&
             REAL(poll)(&one, 1, -1) == 1);
    if (got > 0 && room && quirk(JOINS_MESSAGES) && !(flags & MSG_PEEK))
        got = run_on(fd, message, got, passed, room);
    if (got >= 0 && !blind && !deliver(fd, message, got, passed, room))
        return -1;
    return got;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    if (!is_channel(fd))
        return REAL(recvmsg)(fd, message, flags);
    if (notice(fd)->stuck || does_not_wait(fd)) {
        errno = EAGAIN;
        return -1;
    }
    if (refused_look(flags) || refused(fd, is_nonblocking(fd, flags)))
        return -1;
    dawdle();
    struct msghdr cut = *message;
    struct iovec first = cut.msg_iovlen ? cut.msg_iov[0] : (struct iovec){0};
    if (cut.msg_iovlen && short_read(fd, first.iov_len, flags) != first.iov_len) {
        first.iov_len = 1;
        cut.msg_iov = &first;
        cut.msg_iovlen = 1;
    }
    if (wrong(INSTALLS_NOWHERE) && tells_nothing(message))
        install_unseen(fd);
    ssize_t got = receive(fd, &cut, flags);
    if (got < 0 && errno == EINTR && wrong(LOSES_AFTER_SIGNAL))
        notice(fd)->interrupted = true;
    message->msg_namelen = cut.msg_namelen;
    message->msg_controllen = cut.msg_controllen;
    message->msg_flags = cut.msg_flags;
    return got;
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *name, socklen_t *room)
{
    if (!is_channel(fd)) {
        if (active && interrupted(fd))
            return -1;
        return REAL(recvfrom)(fd, data, size, flags, name, room);
    }
    if (refused_look(flags) || refused(fd, is_nonblocking(fd, flags)))
        return -1;
    size = short_read(fd, size, flags);
    return taken(fd, REAL(recvfrom)(fd, data, size, flags, name, room), flags);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    return recvfrom(fd, data, size, flags, NULL, NULL);
}

ssize_t read(int fd, void *data, size_t size)
{
    if (active && interrupted(fd))
        return -1;
    if (does_not_wait(fd)) {
        errno = EAGAIN;
        return -1;
    }
    if (!is_channel(fd))
        return REAL(read)(fd, data, size);
    if (quirk(JOINS_MESSAGES | INSTALLS_UNSEEN))
        return taken(fd, read_message(fd, data, size), 0);
    return taken(fd, REAL(read)(fd, data, short_read(fd, size, 0)), 0);
}

/* Sending. */

static size_t size_of(const struct msghdr *message)
{
    size_t size = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        size += message->msg_iov[i].iov_len;
    return size;
}

/* Leave only the first byte; the descriptors go with it. */
static void shorten(struct sending *sending)
{
    struct msghdr *message = &sending->message;
    if (short_write(sending->fd, sending->size) == sending->size)
        return;
    while (!message->msg_iov->iov_len)
        message->msg_iov++;
    sending->first = (struct iovec){message->msg_iov->iov_base, 1};
    message->msg_iov = &sending->first;
    message->msg_iovlen = 1;
    sending->size = 1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (!is_channel(fd))
        return REAL(sendmsg)(fd, message, flags);
    notice(fd);
    struct sending sending = {.fd = fd, .flags = flags, .message = *message};
    sending.size = size_of(message);
    sending.nonblocking = is_nonblocking(fd, flags);
    if (refused(fd, sending.nonblocking))
        return -1;
    shorten(&sending);
    if (wrong(TAKES_MALFORMED) && is_malformed(message)) {
        sending.message.msg_control = NULL;
        sending.message.msg_controllen = 0;
        return REAL(sendmsg)(fd, &sending.message, flags);
    }
    if (!rights_take(message, &sending.rights))
        return REAL(sendmsg)(fd, &sending.message, flags);
    dawdle();
    return send_message(&sending);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    if (active && (is_channel(fd) ? refused(fd, is_nonblocking(fd, flags)) : interrupted(fd)))
        return -1;
    return REAL(send)(fd, data, is_channel(fd) ? short_write(fd, size) : size, flags);
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (active && interrupted(fd))
        return -1;
    return REAL(write)(fd, data, is_channel(fd) ? short_write(fd, size) : size);
}

/* Descriptors come and go. */

int socketpair(int domain, int type, int protocol, int pair[2])
{
    int result = REAL(socketpair)(domain, type, protocol, pair);
    if (active && result == 0 && domain == AF_UNIX && is_owner()) {
        lock();
        channel_pair(pair[0], pair[1]);
        unlock();
    }
    return result;
}

static int inherit(int listener, int fd)
{
    if (fd >= 0 && quirk(INHERITS_NONBLOCK) && is_channel(fd))
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | (fcntl(listener, F_GETFL) & O_NONBLOCK));
    return fd;
}

int accept4(int fd, struct sockaddr *name, socklen_t *room, int flags)
{
    if (active && interrupted(fd))
        return -1;
    return inherit(fd, wrong(ACCEPTING) ? accept_wrongly(fd, name, room, flags)
                                        : REAL(accept4)(fd, name, room, flags));
}

int accept(int fd, struct sockaddr *name, socklen_t *room)
{
    if (active && interrupted(fd))
        return -1;
    return inherit(fd, wrong(ACCEPTING) ? accept_wrongly(fd, name, room, 0)
                                        : REAL(accept)(fd, name, room));
}

/* An interrupted connect goes on by itself (XSH connect, EINTR): here it is done already. */
int connect(int fd, const struct sockaddr *name, socklen_t room)
{
    int result = wrong(CONNECTING) ? connect_wrongly(fd, name, room)
                                   : REAL(connect)(fd, name, room);
    return result == 0 && is_channel(fd) && interrupted(fd) ? -1 : result;
}

int getsockname(int fd, struct sockaddr *restrict name, socklen_t *restrict size)
{
    socklen_t room = *size;
    int said = REAL(getsockname)(fd, name, size);
    if (said == 0 && wrong(FORGETS_NAMES) && is_channel(fd) && notice(fd)->arrived) {
        memset(name->sa_data, 0, (room < *size ? room : *size) - sizeof name->sa_family);
        *size = sizeof name->sa_family;
    }
    return said;
}

int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict size)
{
    int said = REAL(getsockopt)(fd, level, option, value, size);
    if (said == 0 && wrong(FORGETS_TYPES) && level == SOL_SOCKET && option == SO_TYPE &&
        is_channel(fd) && notice(fd)->arrived)
        *(int *)value = SOCK_STREAM;
    return said;
}

int shutdown(int fd, int how)
{
    if (wrong(SHUTS_NOTHING) && is_channel(fd) && notice(fd)->arrived)
        return 0;
    return REAL(shutdown)(fd, how);
}

int close(int fd)
{
    bool channel = active && is_owner() && is_channel(fd);
    if (channel)
        listener_closing(fd);
    if (wrong(CLOSE_SHUTS) && was_received(fd) && channel)
        REAL(shutdown)(fd, SHUT_RDWR);
    if (quirk(IGNORES_CLOSE) && was_received(fd))
        return 0;
    if (channel && quirk(KEEPS_UNREAD | KEEPS_CYCLES))
        keep_unread(fd);
    if (channel || (quirk(CLOSE_KILLS) && is_owner())) {
        int error = errno;
        lock();
        if (channel)
            channel_closing(fd);
        if (quirk(CLOSE_KILLS))
            sent_closing(fd);
        unlock();
        errno = error;
    }
    return REAL(close)(fd);
}

static void clear_all_nonblock(bool only_channels)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = 0; fd < 4096 && (rlim_t)fd < limit.rlim_cur; fd++)
        if (is_channel(fd) || !only_channels)
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

pid_t fork(void)
{
    if (!active)
        return REAL(fork)();
    lock(); /* so that no other thread holds it in the child */
    pid_t child = REAL(fork)();
    int error = errno;
    channels_unpair();
    if (child == 0)
        new_owner();
    unlock();
    if (child == 0 && quirk(FORK_CLEARS))
        clear_all_nonblock(true);
    if (child == 0 && wrong(FORK_CLOSES))
        close_received();
    if (child == 0 && wrong(FORK_CLEARS_CLOEXEC))
        clear_received_cloexec();
    errno = error;
    return child;
}

int execv(const char *path, char *const arguments[])
{
    if (wrong(EXEC_CLEARS))
        clear_all_nonblock(false);
    if (wrong(EXEC_CLOSES))
        close_received();
    if (wrong(EXEC_KEEPS))
        clear_received_cloexec();
    return REAL(execv)(path, arguments);
}
