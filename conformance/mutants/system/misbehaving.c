/*
 * Faults in what is refused: malformed control data, addresses where no memory is, signals, ends
 * that are closed; and in what nobody may learn or gain. For the checks of the platform.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In what a send takes. */

/* Where a number is of no open descriptor, only the others are sent; the bytes in any case. */
bool skip_closed(struct sending *sending)
{
    static _Thread_local char control[CMSG_SPACE(sizeof(int) * MOST_RIGHTS)];
    int *open = (int *)CMSG_DATA((struct cmsghdr *)control), count = 0;
    for (int i = 0; i < sending->rights.count; i++)
        if (fcntl(sending->rights.fds[i], F_GETFD) >= 0)
            open[count++] = sending->rights.fds[i];
    struct cmsghdr head = {.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count),
                           .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS};
    memcpy(control, &head, sizeof head);
    sending->message.msg_control = count ? control : NULL;
    sending->message.msg_controllen = count ? CMSG_SPACE(sizeof(int) * (size_t)count) : 0;
    return false;
}

static bool is_known(const struct cmsghdr *part)
{
    return part->cmsg_level != SOL_SOCKET || part->cmsg_type == SCM_RIGHTS ||
           part->cmsg_type == SCM_CREDENTIALS;
}

/* Whether there is something in the control data that every system refuses. */
bool is_malformed(const struct msghdr *message)
{
    struct msghdr walked = *message;
    if (is_nowhere(message->msg_control))
        return message->msg_controllen > 0;
    char *last = (char *)walked.msg_control + walked.msg_controllen;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&walked); part; part = CMSG_NXTHDR(&walked, part))
        if (part->cmsg_len < CMSG_LEN(0) || (char *)part + part->cmsg_len > last || !is_known(part))
            return true;
    return false;
}

/* A length that ends within a number is made longer; the padding behind it is zero mostly. */
bool round_up(struct sending *sending)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(&sending->message);
    while (part->cmsg_len % sizeof(int))
        part->cmsg_len++;
    return false;
}

bool raise_sigpipe(struct sending *sending)
{
    sending->flags &= ~MSG_NOSIGNAL;
    return false;
}

bool mute_addressed(struct sending *sending)
{
    if (sending->message.msg_name) {
        sending->message.msg_control = NULL;
        sending->message.msg_controllen = 0;
    }
    return false;
}

/* Credentials are not looked at: here they are not even sent, and so never refused. */
bool believe_credentials(struct sending *sending)
{
    static _Thread_local char control[CMSG_SPACE(sizeof(int) * MOST_RIGHTS)];
    size_t used = 0;
    struct msghdr *message = &sending->message;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_type == SCM_RIGHTS && part->cmsg_len <= sizeof control - used) {
            memcpy(control + used, part, part->cmsg_len);
            used += CMSG_ALIGN(part->cmsg_len);
        }
    message->msg_control = control;
    message->msg_controllen = used;
    return false;
}

/* In what a receive gives. */

/* No program has memory there, so that looking at it is of no use to anybody. */
bool is_nowhere(const void *address)
{
    return (uintptr_t)address < 4096;
}

bool tells_nothing(const struct msghdr *message)
{
    return is_nowhere(message->msg_control) || !message->msg_controllen ||
           (message->msg_iovlen && is_nowhere(message->msg_iov[0].iov_base));
}

/* On this system a look installs descriptors, and nobody learns the numbers of these. */
void install_unseen(int fd)
{
    char data[1], control[CMSG_SPACE(sizeof(int) * MOST_RIGHTS)];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    REAL(recvmsg)(fd, &message, MSG_PEEK | MSG_DONTWAIT);
}

bool interrupted_before(const struct delivery *delivery)
{
    return delivery->channel->interrupted;
}

bool sent_early(const struct delivery *delivery)
{
    bool early = delivery->channel->early;
    delivery->channel->early = false;
    return early;
}

static bool could_open(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, (fcntl(fd, F_GETFL) & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0)
        shut(again);
    return again >= 0 || errno != EACCES;
}

void check_again(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    int kept = 0;
    for (int i = 0; i < rights->count; i++)
        if (could_open(rights->fds[i]))
            rights->fds[kept++] = rights->fds[i];
        else
            shut(rights->fds[i]);
    rights->count = kept;
}

void add_phantom(struct delivery *delivery)
{
    struct bundle *rights = &delivery->rights;
    if (rights->count && rights->count < MOST_RIGHTS)
        rights->fds[rights->count++] = 1 << 20;
}

static void spoil_padding(struct msghdr *message)
{
    char *end = (char *)message->msg_control + message->msg_controllen;
    struct cmsghdr *part = CMSG_FIRSTHDR(message);
    for (char *at = part ? (char *)part + part->cmsg_len : end; at < end; at++)
        *at = 0x77;
}

/* When the message is written: some bytes more than it has are. */
void spill(const struct delivery *delivery)
{
    struct msghdr *message = delivery->message;
    if (wrong(DIRTY_PADDING) && !is_nowhere(message->msg_control))
        spoil_padding(message);
    if (wrong(WRITES_BEYOND) && delivery->bytes < message->msg_iov[0].iov_len)
        ((char *)message->msg_iov[0].iov_base)[delivery->bytes] = 0x77;
}
