/* The control messages of a message, and the small things one does to descriptors. */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_rights(const struct cmsghdr *part)
{
    return part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS;
}

/* Note the descriptors that a message carries; whether there are any. */
bool rights_take(const struct msghdr *message, struct bundle *rights)
{
    rights->count = 0;
    if (is_nowhere(message->msg_control))
        return false;
    struct msghdr walked = *message;
    size_t end = (size_t)message->msg_control + message->msg_controllen;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&walked); part; part = CMSG_NXTHDR(&walked, part)) {
        if (!is_rights(part) || part->cmsg_len < CMSG_LEN(0))
            continue;
        size_t bytes = part->cmsg_len - CMSG_LEN(0), there = end - (size_t)CMSG_DATA(part);
        bytes = bytes < there ? bytes : there;
        size_t left = sizeof rights->fds - sizeof(int) * (size_t)rights->count;
        bytes = bytes < left ? bytes : left;
        memcpy(rights->fds + rights->count, CMSG_DATA(part), bytes);
        rights->count += (int)(bytes / sizeof(int));
    }
    return rights->count > 0;
}

/* Copy everything but descriptors to *kept*; give the bytes used. */
static size_t keep_others(struct msghdr *message, unsigned char *kept, size_t room)
{
    size_t used = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        size_t space = CMSG_ALIGN(part->cmsg_len);
        if (is_rights(part) || used + space > room)
            continue;
        memcpy(kept + used, part, part->cmsg_len);
        used += space;
    }
    return used;
}

/* Make these the descriptors of a received message; what finds no room is closed. */
void rights_put(struct msghdr *message, size_t room, const struct bundle *rights)
{
    unsigned char *kept = calloc(1, room + sizeof(struct cmsghdr));
    if (!kept)
        abort();
    size_t used = keep_others(message, kept, room);
    int fitting = rights->count;
    while (fitting && used + CMSG_LEN(sizeof(int) * (size_t)fitting) > room)
        fitting--;
    for (int i = fitting; i < rights->count; i++)
        shut(rights->fds[i]);
    if (fitting) {
        struct cmsghdr head = {.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fitting),
                               .cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS};
        memcpy(kept + used, &head, sizeof head);
        memcpy(kept + used + CMSG_LEN(0), rights->fds, sizeof(int) * (size_t)fitting);
        used += CMSG_SPACE(sizeof(int) * (size_t)fitting);
    }
    used = used < room ? used : room;
    memcpy(message->msg_control, kept, used);
    message->msg_controllen = used;
    free(kept);
}

void shut(int fd)
{
    REAL(close)(fd);
}

void shut_all(struct bundle *rights)
{
    for (int i = 0; i < rights->count; i++)
        shut(rights->fds[i]);
    rights->count = 0;
}

int duplicate(int fd, int lowest, bool cloexec)
{
    return fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, lowest);
}

/* Duplicate a bundle; where the table is full, as much of it as fits. */
bool copy(struct bundle *to, const struct bundle *from, bool cloexec)
{
    for (to->count = 0; to->count < from->count; to->count++) {
        int fd = duplicate(from->fds[to->count], 0, cloexec);
        if (fd < 0)
            return false;
        to->fds[to->count] = fd;
    }
    return true;
}

/* Let *fd* be what *with* is, and close *with*; nothing happens where that is no descriptor. */
void replace(int fd, int with, bool cloexec)
{
    if (with < 0)
        return;
    dup3(with, fd, cloexec ? O_CLOEXEC : 0);
    shut(with);
}

bool table_is_full(void)
{
    int fd = duplicate(0, 0, true);
    if (fd < 0 && errno == EBADF) {
        fd = open("/", O_PATH | O_CLOEXEC);
    }
    if (fd >= 0)
        shut(fd);
    return fd < 0;
}

bool is_nonblocking(int fd, int flags)
{
    return (flags & MSG_DONTWAIT) || (fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* How much of what was sent on a Unix socket the peer has not taken; 0 where that is unknown. */
int unread_by_peer(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}
