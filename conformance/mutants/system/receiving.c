/* Faults in what a receive gives: each works on the descriptors of one message. */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static bool applies(const struct fault *fault, const struct channel *channel)
{
    return fault->always || even_own || !channel->own;
}

/* Whether the message at the head has lost its descriptors; decided at the first sight of it. */
static bool is_lost(struct delivery *delivery)
{
    struct channel *channel = delivery->channel;
    if (!channel->judged) {
        channel->judged = true;
        for (int i = 0; chosen[i]; i++)
            if (chosen[i]->loses && applies(chosen[i], channel))
                channel->lost |= chosen[i]->loses(delivery);
    }
    return channel->lost;
}

static void mark_arrived(const struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++)
        if (is_channel(delivery->rights.fds[i]))
            channel_of(delivery->rights.fds[i])->arrived = true;
}

static void spoil(struct delivery *delivery)
{
    struct msghdr *message = delivery->message;
    if (is_lost(delivery)) {
        shut_all(&delivery->rights);
        delivery->cut = false;
    } else {
        for (int i = 0; chosen[i]; i++)
            if (chosen[i]->deliver && applies(chosen[i], delivery->channel))
                chosen[i]->deliver(delivery);
    }
    if (even_own || !delivery->channel->own)
        mark_arrived(delivery);
    if (message->msg_control)
        rights_put(message, delivery->room, &delivery->rights);
    overstate_length(delivery);
    spill(delivery);
    message->msg_flags &= ~MSG_CTRUNC;
    message->msg_flags |= delivery->cut ? MSG_CTRUNC : 0;
}

/* Bytes without descriptors have come. */
static void follow(struct delivery *delivery)
{
    for (int i = 0; chosen[i]; i++)
        if (chosen[i]->plain && applies(chosen[i], delivery->channel))
            chosen[i]->plain(delivery);
    if (delivery->rights.count && delivery->message->msg_control)
        rights_put(delivery->message, delivery->room, &delivery->rights);
}

/* A message, or a look at one, has come: spoil it. False: the call fails, errno says why. */
bool deliver(int fd, struct msghdr *message, ssize_t got, int flags, size_t room)
{
    struct delivery delivery = {.fd = fd,
                                .message = message,
                                .room = room,
                                .peek = flags & MSG_PEEK,
                                .cloexec = flags & MSG_CMSG_CLOEXEC,
                                .bytes = got > 0 ? (size_t)got : 0,
                                .cut = message->msg_flags & MSG_CTRUNC};
    lock();
    struct channel *channel = delivery.channel = channel_of(fd);
    if (rights_take(message, &delivery.rights) || delivery.cut) {
        int count = delivery.rights.count;
        delivery.first = !channel->seen && count;
        channel->head = true;
        channel->seen = count > channel->seen ? count : channel->seen;
        spoil(&delivery);
    } else if (got > 0) {
        follow(&delivery);
    }
    if (got > 0 && !delivery.peek && channel->head)
        channel_consumed(channel);
    unlock();
    if (delivery.error)
        errno = delivery.error;
    return !delivery.error;
}

/* Loss: true where the message at the head loses its descriptors. */

bool no_slot(const struct delivery *delivery)
{
    return delivery->cut && table_is_full();
}

bool sender_gone(const struct delivery *delivery)
{
    struct pollfd one = {.fd = delivery->fd, .events = POLLRDHUP};
    return REAL(poll)(&one, 1, 0) == 1 && (one.revents & (POLLRDHUP | POLLHUP));
}

bool reply(const struct delivery *delivery)
{
    return delivery->channel->sent > 0;
}

bool collision(const struct delivery *delivery)
{
    return delivery->channel->sent > 0 && unread_by_peer(delivery->fd) > 0;
}

void drop_fiftieth(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    int kept = 0;
    for (int i = 0; i < rights->count; i++)
        if ((delivery->channel->descriptors + (unsigned)i) % 50 == 49)
            shut(rights->fds[i]);
        else
            rights->fds[kept++] = rights->fds[i];
    rights->count = kept;
}

void get_stuck(struct delivery *delivery)
{
    delivery->channel->stuck |= delivery->cut && table_is_full();
}

/* Status flags. */

static void change_flags(const struct delivery *delivery, int clear, int set)
{
    for (int i = 0; i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i];
        fcntl(fd, F_SETFL, (fcntl(fd, F_GETFL) & ~clear) | set);
    }
}

void clear_nonblock(struct delivery *delivery)
{
    change_flags(delivery, O_NONBLOCK, 0);
}

void set_nonblock(struct delivery *delivery)
{
    change_flags(delivery, 0, O_NONBLOCK);
}

void clear_append(struct delivery *delivery)
{
    change_flags(delivery, O_APPEND, 0);
}

void clear_async(struct delivery *delivery)
{
    change_flags(delivery, O_ASYNC, 0);
}

/* Identity. */

void reverse_array(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    for (int i = 0, j = rights->count - 1; i < j; i++, j--) {
        int fd = rights->fds[i];
        rights->fds[i] = rights->fds[j];
        rights->fds[j] = fd;
    }
}

static void make_null(int fd, bool cloexec)
{
    replace(fd, open("/dev/null", O_RDWR | O_CLOEXEC), cloexec);
}

void give_null(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++)
        make_null(delivery->rights.fds[i], delivery->cloexec);
}

/* Opened without waiting, for the sake of pipes; a socket cannot be reopened and stays. */
static void reopen(int fd, int access, int status, bool cloexec)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reopened = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (reopened >= 0)
        fcntl(reopened, F_SETFL, status);
    replace(fd, reopened, cloexec);
}

void give_reopened(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i], status = fcntl(fd, F_GETFL);
        reopen(fd, status & O_ACCMODE, status & ~O_ACCMODE, delivery->cloexec);
    }
}

void give_read_only(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i], status = fcntl(fd, F_GETFL);
        reopen(fd, O_RDONLY, status & ~O_ACCMODE, delivery->cloexec);
    }
}

void give_read_write(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i], status = fcntl(fd, F_GETFL);
        reopen(fd, O_RDWR, status & ~O_ACCMODE, delivery->cloexec);
    }
}

void give_dead(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++)
        if (fcntl(delivery->rights.fds[i], F_GETSIG) == DEAD)
            make_null(delivery->rights.fds[i], delivery->cloexec);
}

/* Leaks, one for each message, however often it is peeked at. */

void leak(struct delivery *delivery)
{
    struct bundle leaked;
    if (delivery->first)
        copy(&leaked, &delivery->rights, true);
}

void leak_once(struct delivery *delivery)
{
    static bool done;
    if (!done && delivery->first)
        duplicate(delivery->rights.fds[0], 0, true);
    done = done || delivery->first;
}

void leak_hundredth(struct delivery *delivery)
{
    static unsigned count;
    if (delivery->first && ++count % 100 == 0)
        duplicate(delivery->rights.fds[0], 0, true);
}

void leak_when_full(struct delivery *delivery)
{
    if (delivery->cut && table_is_full())
        delivery->rights.count = 0;
}

void add_surplus(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    if (!rights->count || rights->count == MOST_RIGHTS)
        return;
    int fd = duplicate(rights->fds[rights->count - 1], 0, delivery->cloexec);
    if (fd >= 0)
        rights->fds[rights->count++] = fd;
}

/* Passed sockets. */

void toggle_sockets(struct delivery *delivery)
{
    for (int i = 0; delivery->first && i < delivery->rights.count; i++) {
        int fd = delivery->rights.fds[i];
        if (is_channel(fd))
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) ^ O_NONBLOCK);
    }
}

void mute_received(struct delivery *delivery)
{
    if (delivery->channel->arrived)
        shut_all(&delivery->rights);
}

void drop_nested(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    int kept = 0;
    for (int i = 0; i < rights->count; i++)
        if (delivery->channel->arrived && is_channel(rights->fds[i]))
            shut(rights->fds[i]);
        else
            rights->fds[kept++] = rights->fds[i];
    rights->count = kept;
}

/* Close-on-exec. */

void clear_cloexec(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++)
        fcntl(delivery->rights.fds[i], F_SETFD, 0);
}

void clear_later_cloexec(struct delivery *delivery)
{
    for (int i = 1; i < delivery->rights.count; i++)
        fcntl(delivery->rights.fds[i], F_SETFD, 0);
}

void clear_high_cloexec(struct delivery *delivery)
{
    for (int i = 0; i < delivery->rights.count; i++)
        if (delivery->rights.fds[i] >= 64)
            fcntl(delivery->rights.fds[i], F_SETFD, 0);
}
