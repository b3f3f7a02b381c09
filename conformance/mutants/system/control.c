/*
 * Faults of control messages, of the room for them, and of the limits of a table, a message and a
 * user: for the checks of the platform.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* In what a receive gives. */

static bool same_file(int one, int other)
{
    struct stat first, second;
    return fstat(one, &first) == 0 && fstat(other, &second) == 0 &&
           first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

void number_once(struct delivery *delivery)
{
    int *fds = delivery->rights.fds;
    for (int i = 1; i < delivery->rights.count; i++)
        for (int j = 0; j < i; j++)
            if (fds[i] != fds[j] && same_file(fds[i], fds[j])) {
                shut(fds[i]);
                fds[i] = fds[j];
            }
}

void forget_zero(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    int kept = 0;
    for (int i = 0; i < rights->count; i++)
        if (rights->fds[i])
            rights->fds[kept++] = rights->fds[i];
        else
            shut(0);
    rights->count = kept;
}

void leak_when_cut(struct delivery *delivery)
{
    if (delivery->cut && !delivery->peek)
        duplicate(delivery->fd, 0, true);
}

void overstate(struct delivery *delivery)
{
    if (delivery->cut)
        delivery->overstated = 11;
}

/* When the message is written: its length was right until here. */
void overstate_length(const struct delivery *delivery)
{
    struct cmsghdr *part = delivery->overstated ? CMSG_FIRSTHDR(delivery->message) : NULL;
    for (; part; part = CMSG_NXTHDR(delivery->message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
            part->cmsg_len += sizeof(int) * (size_t)delivery->overstated;
            return;
        }
}

void cry_cut(struct delivery *delivery)
{
    delivery->cut = true;
}

void stay_cut(struct delivery *delivery)
{
    delivery->cut |= delivery->channel->was_cut;
    delivery->channel->was_cut = delivery->cut;
}

void lose_beside(struct delivery *delivery)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(delivery->message);
    for (; part; part = CMSG_NXTHDR(delivery->message, part))
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            shut_all(&delivery->rights);
}

void lose_scattered(struct delivery *delivery)
{
    if (delivery->message->msg_iovlen > 1)
        shut_all(&delivery->rights);
}

void lose_with_cut_data(struct delivery *delivery)
{
    if (delivery->message->msg_flags & MSG_TRUNC)
        shut_all(&delivery->rights);
}

void lose_without_bytes(struct delivery *delivery)
{
    if (!delivery->bytes)
        shut_all(&delivery->rights);
}

void take_by_look(struct delivery *delivery)
{
    if (delivery->peek)
        delivery->channel->judged = delivery->channel->lost = true;
}

void spare_a_slot(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    if (rights->count && !delivery->cut && table_is_full()) {
        shut(rights->fds[--rights->count]);
        delivery->cut = true;
    }
}

ssize_t receive_beyond_limit(int fd, struct msghdr *message, int flags)
{
    struct rlimit limit, none;
    getrlimit(RLIMIT_NOFILE, &limit);
    none = (struct rlimit){limit.rlim_max, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    ssize_t got = REAL(recvmsg)(fd, message, flags);
    int error = errno;
    setrlimit(RLIMIT_NOFILE, &limit);
    errno = error;
    return got;
}

/* In what a send takes. */

bool send_first_part(struct sending *sending)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(&sending->message);
    sending->message.msg_controllen = CMSG_ALIGN(part->cmsg_len);
    return false;
}

static void drop_rights(struct sending *sending)
{
    sending->message.msg_control = NULL;
    sending->message.msg_controllen = 0;
}

bool send_without_rights(struct sending *sending)
{
    int room = 0;
    socklen_t size = sizeof room;
    getsockopt(sending->fd, SOL_SOCKET, SO_SNDBUF, &room, &size);
    if (room > 0 && sending->size > (size_t)room)
        drop_rights(sending);
    return false;
}

bool send_first_many(struct sending *sending)
{
    enum { MANY = 200 };
    static _Thread_local char control[CMSG_SPACE(sizeof(int) * MANY)];
    struct cmsghdr head = {.cmsg_len = CMSG_LEN(sizeof(int) * MANY),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS};
    if (sending->rights.count <= MANY)
        return false;
    memcpy(control, &head, sizeof head);
    memcpy(control + CMSG_LEN(0), sending->rights.fds, sizeof(int) * MANY);
    sending->message.msg_control = control;
    sending->message.msg_controllen = sizeof control;
    return false;
}

void keep_refused(struct sending *sending)
{
    if (sending->result < 0)
        duplicate(sending->rights.fds[0], 0, true);
}

void claim_refused(struct sending *sending)
{
    if (sending->result < 0) {
        sending->result = (ssize_t)sending->size;
        sending->error = 0;
    }
}

static int in_the_air; /* under the lock */

bool count_in_flight(struct sending *sending)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if ((rlim_t)in_the_air <= limit.rlim_cur)
        return false;
    sending->result = -1;
    sending->error = ETOOMANYREFS;
    return true;
}

void take_off(struct sending *sending)
{
    if (sending->result >= 0)
        in_the_air += sending->rights.count;
}

void land(struct delivery *delivery)
{
    if (!delivery->peek)
        in_the_air -= delivery->rights.count;
}
