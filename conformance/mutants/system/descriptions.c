/*
 * Faults of what a descriptor is, with which bytes it comes, and how long it is held: for the
 * checks of the platform.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

struct taken {
    char control[CMSG_SPACE(sizeof(int) * MOST_RIGHTS)];
    struct iovec part;
    struct msghdr message;
    struct bundle rights;
};

/* Take a message without waiting, or with; descriptors into taken->rights. */
static ssize_t take(int fd, struct taken *taken, void *data, size_t size, int flags)
{
    taken->part = (struct iovec){data, size};
    taken->message = (struct msghdr){.msg_iov = &taken->part,
                                     .msg_iovlen = 1,
                                     .msg_control = taken->control,
                                     .msg_controllen = sizeof taken->control};
    ssize_t got = REAL(recvmsg)(fd, &taken->message, flags);
    taken->rights.count = 0;
    if (got >= 0)
        rights_take(&taken->message, &taken->rights);
    return got;
}

/* What a process has sent to itself is left alone, as everywhere. */
static bool spoils(int fd)
{
    lock();
    bool own = channel_of(fd)->own && !even_own;
    unlock();
    return !own;
}

/* Descriptor flags and numbers. */

void set_cloexec(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++)
        fcntl(delivery->rights.fds[i], F_SETFD, FD_CLOEXEC);
}

/* Numbers that select has no room for. */
void drop_high(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    int kept = 0;
    for (int i = 0; i < rights->count; i++)
        if (rights->fds[i] >= FD_SETSIZE)
            shut(rights->fds[i]);
        else
            rights->fds[kept++] = rights->fds[i];
    delivery->cut |= kept < rights->count;
    rights->count = kept;
}

void give_old_number(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++) {
        int old = another_copy(delivery->rights.fds[i]);
        if (old >= 0) {
            shut(delivery->rights.fds[i]);
            delivery->rights.fds[i] = old;
        }
    }
}

/* Numbers whose first close does nothing. */
enum { NOTED = 4096 };
static bool noted[NOTED];

void note_received(struct delivery *delivery)
{
    for (int i = 0; !delivery->peek && i < delivery->rights.count; i++)
        if (delivery->rights.fds[i] < NOTED)
            noted[delivery->rights.fds[i]] = true;
}

bool was_received(int fd)
{
    bool was = fd >= 0 && fd < NOTED && noted[fd];
    if (was)
        noted[fd] = false;
    return was;
}

/* Nothing is there to be read from it, and it is not to wait. */
bool does_not_wait(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    bool came = fd >= 0 && fd < NOTED && noted[fd];
    return wrong(NEVER_WAITS) && came && REAL(poll)(&one, 1, 0) == 0;
}

void close_received(void)
{
    for (int fd = 0; fd < NOTED; fd++)
        if (was_received(fd))
            shut(fd);
}

void clear_received_cloexec(void)
{
    for (int fd = 0; fd < NOTED; fd++)
        if (noted[fd])
            fcntl(fd, F_SETFD, 0);
}

/* Bytes. */

/* The descriptors of the last message with any, for the bytes that follow without. */
static struct bundle last;
static ino_t last_inode;

void remember_received(struct delivery *delivery)
{
    if (delivery->peek)
        return;
    shut_all(&last);
    copy(&last, &delivery->rights, true);
    last_inode = delivery->channel->inode;
}

void give_last_again(struct delivery *delivery)
{
    if (last_inode == delivery->channel->inode && !delivery->peek)
        copy(&delivery->rights, &last, delivery->cloexec);
}

/* A page is kept, the others are not. */
void spoil_pages(struct delivery *delivery)
{
    size_t left = delivery->bytes;
    for (size_t i = 0; i < delivery->message->msg_iovlen && left > 4096; i++) {
        const struct iovec *part = &delivery->message->msg_iov[i];
        size_t inside = part->iov_len < left ? part->iov_len : left;
        if (inside > 4096)
            memset((char *)part->iov_base + 4096, 0, inside - 4096);
        left -= inside;
    }
}

/* A message has come with descriptors, and the buffer has room: go on into the next one. */
ssize_t run_on(int fd, struct msghdr *message, ssize_t got, int flags, size_t room)
{
    struct taken next;
    struct bundle rights;
    struct iovec *part = message->msg_iov;
    if (!spoils(fd) || message->msg_iovlen != 1 || (size_t)got >= part->iov_len ||
        !rights_take(message, &rights))
        return got;
    ssize_t more = take(fd, &next, (char *)part->iov_base + got, part->iov_len - (size_t)got,
                        MSG_DONTWAIT | (flags & MSG_CMSG_CLOEXEC));
    if (more < 0)
        return got;
    for (int i = 0; i < next.rights.count && rights.count < MOST_RIGHTS; i++)
        rights.fds[rights.count++] = next.rights.fds[i];
    rights_put(message, room, &rights);
    return got + more;
}

/* A read: it shows no descriptors, but here it matters whether there are any. */
ssize_t read_message(int fd, void *data, size_t size)
{
    struct taken first, next;
    if (!spoils(fd))
        return REAL(read)(fd, data, size);
    ssize_t got = take(fd, &first, data, size, 0);
    if (got <= 0 || !first.rights.count || quirk(INSTALLS_UNSEEN))
        return got;
    shut_all(&first.rights);
    ssize_t more = take(fd, &next, (char *)data + got, size - (size_t)got, MSG_DONTWAIT);
    shut_all(&next.rights);
    return more < 0 ? got : got + more;
}

/* The descriptors by a look, and then the bytes: others may come in between. */
ssize_t receive_in_two(int fd, struct msghdr *message, int flags)
{
    char data[4096];
    struct taken gone;
    bool splits = spoils(fd) && message->msg_control && !(flags & MSG_PEEK);
    ssize_t got = REAL(recvmsg)(fd, message, flags | (splits ? MSG_PEEK : 0));
    if (got <= 0 || !splits)
        return got;
    nap();
    if (take(fd, &gone, data, (size_t)got < sizeof data ? (size_t)got : sizeof data, MSG_DONTWAIT) > 0)
        shut_all(&gone.rights);
    return got;
}

/* In flight. */

/* A passed socket arrives empty. */
void empty_sockets(struct delivery *delivery)
{
    char data[4096];
    struct taken gone;
    for (int i = 0; delivery->first && i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i];
        while (is_channel(fd) && take(fd, &gone, data, sizeof data, MSG_DONTWAIT) > 0)
            shut_all(&gone.rights);
    }
}

/* Options of a passed socket are those of a new one. */
void reset_options(struct delivery *delivery)
{
    struct timeval never = {0, 0};
    int off = 0;
    for (int i = 0; i < delivery->rights.count; i++) {
        setsockopt(delivery->rights.fds[i], SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
        setsockopt(delivery->rights.fds[i], SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
    }
}

/* A passed terminal is as a new one. */
void reset_terminal(struct delivery *delivery)
{
    struct termios modes;
    for (int i = 0; i < delivery->rights.count; i++)
        if (tcgetattr(delivery->rights.fds[i], &modes) == 0) {
            modes.c_lflag |= ICANON | ECHO;
            tcsetattr(delivery->rights.fds[i], TCSANOW, &modes);
        }
}

static bool has_socket(const struct bundle *rights)
{
    for (int i = 0; i < rights->count; i++)
        if (is_channel(rights->fds[i]))
            return true;
    return false;
}

static bool is_listener(int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

/* Hold a connection that nobody has accepted, with what waits in it. */
static void keep_connections(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    while (REAL(poll)(&one, 1, 0) == 1 && REAL(accept4)(fd, NULL, NULL, SOCK_CLOEXEC) >= 0)
        ;
}

/* A socket is about to be closed: its unread descriptors stay open in this process, unseen. */
void keep_unread(int fd)
{
    char data[4096];
    struct taken kept;
    if (is_listener(fd))
        keep_connections(fd);
    while (take(fd, &kept, data, sizeof data, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0)
        if (!quirk(KEEPS_UNREAD) && !has_socket(&kept.rights))
            shut_all(&kept.rights);
}
