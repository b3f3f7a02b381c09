/* Faults of sending, and the sending itself. */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool applies(const struct fault *fault, const struct sending *sending)
{
    return fault->always || even_own || !sending->channel->twin;
}

static bool is_refused(struct sending *sending)
{
    for (int i = 0; chosen[i]; i++)
        if (chosen[i]->refuses && applies(chosen[i], sending) && chosen[i]->refuses(sending))
            return true;
    return false;
}

/* Wait for room; false: a signal came first, and the call ends with EINTR. */
static bool wait_for_room(struct sending *sending)
{
    struct pollfd one = {.fd = sending->fd, .events = POLLOUT};
    if (REAL(poll)(&one, 1, -1) == 1)
        return true;
    sending->error = errno;
    return false;
}

/* One buffer for the control messages of all threads. */
static void share_control(struct sending *sending)
{
    static char shared[CMSG_SPACE(sizeof(int) * MOST_RIGHTS)];
    if (sending->message.msg_controllen > sizeof shared)
        return;
    memcpy(shared, sending->message.msg_control, sending->message.msg_controllen);
    sending->message.msg_control = shared;
    nap();
}

static void really_send(struct sending *sending)
{
    if (quirk(SENDS_MIX) && (even_own || !sending->channel->twin))
        share_control(sending);
    int flags = sending->flags & ~(quirk(IGNORES_DONTWAIT) ? MSG_DONTWAIT : 0);
    do {
        sending->result = REAL(sendmsg)(sending->fd, &sending->message, flags);
        sending->error = sending->result < 0 ? errno : 0;
    } while (sending->error == EAGAIN && quirk(SEND_BLOCKS) && wait_for_room(sending));
}

static void after(struct sending *sending)
{
    if (sending->result > 0) {
        struct channel *twin = channel_twin(sending->channel);
        sending->channel->sent++;
        if (twin)
            twin->own++;
    }
    for (int i = 0; chosen[i]; i++)
        if (chosen[i]->sent && applies(chosen[i], sending))
            chosen[i]->sent(sending);
}

/* Send a message that carries descriptors. */
ssize_t send_message(struct sending *sending)
{
    lock();
    sending->channel = channel_of(sending->fd);
    bool done = is_refused(sending);
    unlock();
    if (!done) {
        really_send(sending);
        lock();
        after(sending);
        unlock();
    }
    errno = sending->error;
    return sending->result;
}

static bool refuse(struct sending *sending, int error)
{
    sending->result = -1;
    sending->error = error;
    return true;
}

bool no_slot_to_send(struct sending *sending)
{
    return table_is_full() && refuse(sending, EMFILE);
}

static bool third(void)
{
    static unsigned asked; /* under the lock */
    return ++asked % 3 == 0;
}

bool no_buffers(struct sending *sending)
{
    return third() && refuse(sending, ENOBUFS);
}

bool too_many_references(struct sending *sending)
{
    return third() && refuse(sending, ETOOMANYREFS);
}

/* The bytes go, the descriptors do not. */
static bool mute(struct sending *sending, bool yes)
{
    if (yes) {
        sending->message.msg_control = NULL;
        sending->message.msg_controllen = 0;
    }
    return false;
}

bool mute_sent(struct sending *sending)
{
    return mute(sending, sending->channel->arrived);
}

bool lose_gathered(struct sending *sending)
{
    return mute(sending, sending->message.msg_iovlen > 1);
}

bool clear_sent_cloexec(struct sending *sending)
{
    for (int i = 0; i < sending->rights.count; i++)
        fcntl(sending->rights.fds[i], F_SETFD, 0);
    return false;
}

/* Without waiting is what the channel is from now on. */
void keep_dontwait(struct sending *sending)
{
    if (sending->flags & MSG_DONTWAIT)
        fcntl(sending->fd, F_SETFL, fcntl(sending->fd, F_GETFL) | O_NONBLOCK);
}

void leak_sent(struct sending *sending)
{
    struct bundle leaked;
    if (sending->result > 0)
        copy(&leaked, &sending->rights, true);
}

void leak_refused(struct sending *sending)
{
    struct bundle leaked;
    if (sending->error == EAGAIN)
        copy(&leaked, &sending->rights, true);
}

/* Every fifth message goes, and the caller is told that it did not. */
void deny_sent(struct sending *sending)
{
    if (sending->nonblocking && sending->result == (ssize_t)sending->size &&
        sending->channel->sent % 5 == 0)
        refuse(sending, EAGAIN);
}

/* A full channel: the message is gone, and the caller is told that it went. */
void claim_sent(struct sending *sending)
{
    if (sending->error == EAGAIN) {
        sending->result = (ssize_t)sending->size;
        sending->error = 0;
    }
}

/*
 * Descriptors in flight that do not hold the file open. A description has one field that nobody
 * else uses and that its receiver can read: the signal of F_SETSIG, without meaning as long as
 * O_ASYNC is off. It is set to DEAD when the last copy here is closed while the message is unread.
 */
enum { WATCHED = 4096 };

static struct {
    int fd;      /* of the channel */
    ino_t inode; /* and its inode; 0: not in flight */
} in_flight[WATCHED];

void remember_sent(struct sending *sending)
{
    for (int i = 0; sending->result > 0 && i < sending->rights.count; i++) {
        int fd = sending->rights.fds[i];
        if (fd >= 0 && fd < WATCHED) {
            in_flight[fd].fd = sending->fd;
            in_flight[fd].inode = sending->channel->inode;
        }
    }
}

static bool same_description(int one, int other)
{
    struct stat first, second;
    if (fstat(one, &first) < 0 || fstat(other, &second) < 0 || first.st_ino != second.st_ino ||
        first.st_dev != second.st_dev)
        return false;
    /* KCMP_FILE is 0; where the call is forbidden, the same file has to do. */
    return syscall(SYS_kcmp, getpid(), getpid(), 0, (long)one, (long)other) <= 0;
}

int another_copy(int fd)
{
    for (int other = 0; other < WATCHED; other++)
        if (other != fd && same_description(fd, other))
            return other;
    return -1;
}

/* A descriptor is about to be closed; under the lock. */
void sent_closing(int fd)
{
    struct stat status;
    if (fd < 0 || fd >= WATCHED || !in_flight[fd].inode)
        return;
    int other = another_copy(fd), channel = in_flight[fd].fd;
    if (other >= 0)
        in_flight[other] = in_flight[fd];
    else if (fstat(channel, &status) == 0 && status.st_ino == in_flight[fd].inode &&
             unread_by_peer(channel) > 0)
        fcntl(fd, F_SETSIG, DEAD);
    in_flight[fd].inode = 0;
}
