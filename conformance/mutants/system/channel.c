/* What is remembered of a Unix socket, found by its inode: numbers are reused, inodes are not. */
#include "system.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { BUCKETS = 256 };
static struct channel *channels[BUCKETS];

bool is_channel(int fd)
{
    int domain;
    socklen_t size = sizeof domain;
    return active && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           domain == AF_UNIX;
}

static struct channel *find(ino_t inode)
{
    struct channel *channel = channels[inode % BUCKETS];
    while (channel && channel->inode != inode)
        channel = channel->next;
    return channel;
}

static ino_t inode_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* Under the lock, as all that follows. */
struct channel *channel_of(int fd)
{
    ino_t inode = inode_of(fd);
    struct channel *channel = find(inode);
    if (!channel) {
        channel = calloc(1, sizeof *channel);
        if (!channel)
            abort();
        channel->inode = inode;
        channel->next = channels[inode % BUCKETS];
        channels[inode % BUCKETS] = channel;
        odd_channel(fd);
    }
    return channel;
}

struct channel *channel_twin(const struct channel *channel)
{
    return channel->twin ? find(channel->twin) : NULL;
}

void channel_pair(int one, int other)
{
    struct channel *first = channel_of(one), *second = channel_of(other);
    first->twin = second->inode;
    second->twin = first->inode;
}

/* After a fork both processes have both ends: who receives is no longer known. */
void channels_unpair(void)
{
    for (int i = 0; i < BUCKETS; i++)
        for (struct channel *channel = channels[i]; channel; channel = channel->next)
            channel->twin = channel->own = 0;
}

static void drop_first_planned(struct channel *channel)
{
    shut_all(channel->plan[0]);
    free(channel->plan[0]);
    channel->planned--;
    for (int i = 0; i < channel->planned; i++)
        channel->plan[i] = channel->plan[i + 1];
}

/* The message at the head has been taken. */
void channel_consumed(struct channel *channel)
{
    channel->messages++;
    channel->descriptors += (unsigned)channel->seen;
    channel->head = channel->judged = channel->lost = false;
    channel->seen = 0;
    if (channel->own)
        channel->own--;
    if (channel->planned)
        drop_first_planned(channel);
}

void channel_closing(int fd)
{
    struct channel *channel = find(inode_of(fd));
    if (!channel)
        return;
    struct channel *twin = channel_twin(channel);
    if (twin)
        twin->twin = 0;
    channel->twin = 0;
    while (channel->planned)
        drop_first_planned(channel);
}
