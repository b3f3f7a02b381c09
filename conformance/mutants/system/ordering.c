/*
 * Faults of the order. Nothing is held back: a message that is alone is delivered as it came. Where
 * others are already queued behind it, a look at them (MSG_PEEK with SO_PEEK_OFF) gives copies of
 * their descriptors, and a plan says what each of these messages will be given when its turn comes.
 * The bytes stay where they are, so readiness and counts remain right.
 */
#include "system.h"

#include <stdlib.h>

static struct bundle *planned(const struct bundle *from)
{
    struct bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle)
        abort();
    if (from)
        copy(bundle, from, true);
    return bundle;
}

/* Look at the message that begins so many bytes behind the head; give its size, 0 for none. */
static int look(int fd, int offset, struct bundle *found)
{
    char data[4096];
    char control[CMSG_SPACE(sizeof(int) * MOST_RIGHTS)];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    found->count = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset) < 0)
        return 0;
    ssize_t got = REAL(recvmsg)(fd, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got > 0 && rights_take(&message, found) && (message.msg_flags & MSG_CTRUNC))
        shut_all(found);
    return got > 0 && found->count ? (int)got : 0;
}

/* Collect the descriptors of the messages behind this one, as long as they carry as many. */
static int look_behind(struct delivery *delivery, struct bundle *queue[], int most)
{
    int count = 0, offset = 0, size = 1;
    struct bundle found;
    if (delivery->peek) { /* the message itself still stands at the head */
        offset = size = look(delivery->fd, 0, &found);
        shut_all(&found);
    }
    while (size && count < most && (size = look(delivery->fd, offset, &found))) {
        if (found.count == delivery->rights.count)
            queue[count++] = planned(&found);
        else
            size = 0;
        shut_all(&found);
        offset += size;
    }
    offset = -1; /* off */
    setsockopt(delivery->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset);
    return count;
}

/* Give the message at the head what the plan has for it. */
static void hand_out(struct delivery *delivery)
{
    struct channel *channel = delivery->channel;
    if (!channel->planned || delivery->cut)
        return;
    shut_all(&delivery->rights);
    if (!copy(&delivery->rights, channel->plan[0], delivery->cloexec))
        delivery->cut = true;
}

/* The messages waiting, up to so many, come out last first. */
static void reverse_queue(struct delivery *delivery, int depth)
{
    struct channel *channel = delivery->channel;
    struct bundle *queue[DEPTH];
    if (!channel->planned && !delivery->cut) {
        int behind = look_behind(delivery, queue, depth - 1);
        for (int i = 0; i < behind; i++)
            channel->plan[i] = queue[behind - 1 - i];
        if (behind) {
            channel->plan[behind] = planned(&delivery->rights);
            channel->planned = behind + 1;
        }
    }
    hand_out(delivery);
}

void swap_messages(struct delivery *delivery)
{
    reverse_queue(delivery, 2);
}

void stack_messages(struct delivery *delivery)
{
    reverse_queue(delivery, DEPTH);
}

/* Of two messages waiting, the second is given the descriptors of the first. */
void repeat_messages(struct delivery *delivery)
{
    struct channel *channel = delivery->channel;
    struct bundle *queue[1];
    if (!channel->planned && !delivery->cut && look_behind(delivery, queue, 1)) {
        shut_all(queue[0]);
        free(queue[0]);
        channel->plan[0] = planned(&delivery->rights);
        channel->plan[1] = planned(&delivery->rights);
        channel->planned = 2;
    }
    hand_out(delivery);
}

/* Every message is given the descriptors of the one before it, the first none. */
void deliver_late(struct delivery *delivery)
{
    struct channel *channel = delivery->channel;
    if (delivery->cut)
        return;
    if (!channel->planned)
        channel->plan[channel->planned++] = planned(NULL);
    if (channel->planned == 1)
        channel->plan[channel->planned++] = planned(&delivery->rights);
    hand_out(delivery);
}
