/*
 * A system that misbehaves on demand: what the files of this directory share.
 *
 * A call goes   calls.c  ->  oddities.c (may refuse or shorten it)  ->  the real call
 *                        ->  receiving.c, ordering.c, sending.c (the faults)  ->  the caller;
 * poll goes through waiting.c. system.c has the table of all faults, channel.c what is remembered
 * of a socket, rights.c the reading and writing of control messages.
 */
#ifndef FAULTY_SYSTEM_H
#define FAULTY_SYSTEM_H

#define _GNU_SOURCE

#include <dlfcn.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The next definition of a function: libc's. Found once in each place that uses it. */
#define REAL(name)                                                                                 \
    ({                                                                                             \
        static __typeof__(&name) found_;                                                           \
        if (!found_)                                                                               \
            found_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                   \
        found_;                                                                                    \
    })

#define PRIVATE __attribute__((visibility("hidden")))

enum {
    MOST_RIGHTS = 256, /* descriptors in a message; Linux takes 253 */
    DEPTH = 4,         /* messages that a fault of the order looks ahead */
    DEAD = 60,         /* the mark of a description closed in flight; see sending.c */
};

/* Misbehaviour outside the handling of one message; a bit each. */
enum quirk {
    INTERRUPTS = 1 << 0,
    SPURIOUS_EAGAIN = 1 << 1,
    SHORT_WRITES = 1 << 2,
    SHORT_READS = 1 << 3,
    SPURIOUS_READINESS = 1 << 4,
    TINY_BUFFERS = 1 << 5,
    SLOW = 1 << 6,
    CREDENTIALS = 1 << 7,
    PEEK_ZEROS = 1 << 8,
    PEEK_POINTERS = 1 << 9,
    NO_CLOEXEC = 1 << 10,
    INHERITS_NONBLOCK = 1 << 11,
    FORK_CLEARS = 1 << 12,
    SEND_BLOCKS = 1 << 13,
    RECEIVE_BLOCKS = 1 << 14,
    IGNORES_DONTWAIT = 1 << 15,
    LATE_READINESS = 1 << 16,
    CLOSE_KILLS = 1 << 17,
    JOINS_MESSAGES = 1 << 18,
    INSTALLS_UNSEEN = 1 << 19,
    KEEPS_UNREAD = 1 << 20,
    KEEPS_CYCLES = 1 << 21,
    IGNORES_LIMIT = 1 << 22,
    IGNORES_CLOSE = 1 << 23,
    REFUSES_PEEK = 1 << 24,
    RECEIVE_RACES = 1 << 25,
    SENDS_MIX = 1 << 26,
    BLIND_SELECT = 1 << 27,
};

/* The same for the checks of the platform: misbehaving.c and listening.c; a bit each. */
enum wrong {
    TAKES_MALFORMED = 1 << 0,
    INSTALLS_NOWHERE = 1 << 1,
    LOSES_AFTER_SIGNAL = 1 << 2,
    DIRTY_PADDING = 1 << 3,
    WRITES_BEYOND = 1 << 4,
    BINDS_OVER = 1 << 5,
    CUTS_PATHS = 1 << 6,
    SHORT_PATHS = 1 << 7,
    CONNECTS_TO_NOBODY = 1 << 8,
    WAITS_ANYWAY = 1 << 9,
    ACCEPTS_LAST = 1 << 10,
    ACCEPTS_ONCE = 1 << 11,
    UNREADY_LISTENERS = 1 << 12,
    DIES_WITH_LISTENER = 1 << 13,
    NOTES_EARLY = 1 << 14,
    BLIND_QUEUE = 1 << 15,
    SAYS_WRITABLE = 1 << 16,
    SHUTS_NOTHING = 1 << 17,
    FORK_CLOSES = 1 << 18,
    FORK_CLEARS_CLOEXEC = 1 << 19,
    FORGETS_NAMES = 1 << 20,
    FORGETS_TYPES = 1 << 21,
    NEVER_WAITS = 1 << 22,
    EXEC_CLEARS = 1 << 23,
    EXEC_CLOSES = 1 << 24,
    EXEC_KEEPS = 1 << 25,
    HANGUP_HIDES = 1 << 26,
    CLOSE_SHUTS = 1 << 27,
    CONNECTING = WAITS_ANYWAY | CONNECTS_TO_NOBODY,
    ACCEPTING = WAITS_ANYWAY | ACCEPTS_LAST | ACCEPTS_ONCE | NOTES_EARLY,
};

/* Descriptors that travel together. */
struct bundle {
    int count;
    int fds[MOST_RIGHTS];
};

/* What is remembered of one socket in this process. Never freed: a socket's inode is its name. */
struct channel {
    ino_t inode;
    struct channel *next;
    ino_t twin;           /* the other end, while this process alone has both */
    unsigned own;         /* messages waiting here that this process itself has sent */
    unsigned messages;    /* with descriptors, received */
    unsigned descriptors; /* received */
    unsigned sent;        /* messages with descriptors, sent */
    bool arrived;         /* this socket came as a passed descriptor */
    bool stuck;           /* nothing will ever be received again */
    bool was_cut;         /* a message was */
    bool interrupted;     /* a receive was ended by a signal */
    bool accepted;        /* this listener has accepted somebody */
    bool early;           /* something waited here when it was accepted */
    /* of the message at the head of the queue: */
    bool head; /* a peek has shown it */
    bool judged, lost;
    int seen; /* descriptors that the system gave for it */
    /* what the next messages will be given in place of their own descriptors: */
    int planned;
    struct bundle *plan[DEPTH];
};

/* One message with descriptors on its way to the caller of recvmsg, peeked at or taken. */
struct delivery {
    int fd;
    struct channel *channel;
    struct msghdr *message;
    size_t room; /* bytes of the caller's control buffer */
    bool peek, cloexec;
    bool first; /* its descriptors are visible for the first time */
    bool cut;   /* MSG_CTRUNC */
    struct bundle rights;
    size_t bytes;    /* of data */
    int overstated;  /* descriptors that cmsg_len counts and nobody gave */
    int error; /* not 0: what the call fails with */
};

/* One message on its way out. */
struct sending {
    int fd, flags;
    struct channel *channel;
    struct msghdr message; /* a copy: a fault may change it */
    struct iovec first;    /* room for a shortened one */
    struct bundle rights;
    size_t size; /* data bytes */
    bool nonblocking;
    ssize_t result;
    int error; /* errno, where result is -1 */
};

struct fault {
    const char *name;
    bool always; /* also on messages that a process sends to itself */
    unsigned quirks, wrongs;
    bool (*loses)(const struct delivery *);
    void (*deliver)(struct delivery *);
    void (*plain)(struct delivery *); /* where a message has no descriptors */
    bool (*refuses)(struct sending *);
    void (*sent)(struct sending *);
};

/* system.c */
extern PRIVATE const struct fault *chosen[];
extern PRIVATE bool active, even_own;
PRIVATE bool quirk(enum quirk one);
PRIVATE bool wrong(enum wrong one);
PRIVATE bool turn(enum quirk one, unsigned every);
PRIVATE void lock(void);
PRIVATE void unlock(void);
PRIVATE bool is_owner(void);
PRIVATE void new_owner(void);

/* channel.c */
PRIVATE bool is_channel(int fd);
PRIVATE struct channel *channel_of(int fd);
PRIVATE void channel_consumed(struct channel *channel);
PRIVATE void channel_closing(int fd);
PRIVATE void channel_pair(int one, int other);
PRIVATE void channels_unpair(void);
PRIVATE struct channel *channel_twin(const struct channel *channel);

/* rights.c */
PRIVATE bool rights_take(const struct msghdr *message, struct bundle *rights);
PRIVATE void rights_put(struct msghdr *message, size_t room, const struct bundle *rights);
PRIVATE void shut(int fd);
PRIVATE void shut_all(struct bundle *rights);
PRIVATE int duplicate(int fd, int lowest, bool cloexec);
PRIVATE bool copy(struct bundle *to, const struct bundle *from, bool cloexec);
PRIVATE void replace(int fd, int with, bool cloexec);
PRIVATE bool table_is_full(void);
PRIVATE bool is_nonblocking(int fd, int flags);
PRIVATE int unread_by_peer(int fd);

/* oddities.c */
PRIVATE bool refused(int fd, bool nonblocking);
PRIVATE bool interrupted(int fd);
PRIVATE bool refused_look(int flags);
PRIVATE size_t short_read(int fd, size_t size, int flags);
PRIVATE size_t short_write(int fd, size_t size);
PRIVATE void dawdle(void);
PRIVATE void nap(void);
PRIVATE void odd_channel(int fd);
PRIVATE ssize_t blind_peek(int fd, struct msghdr *message, int flags);
PRIVATE void hide_truncation(struct delivery *delivery);
PRIVATE void refuse_when_full(struct delivery *delivery);
PRIVATE void move_high(struct delivery *delivery);

/* receiving.c */
PRIVATE bool deliver(int fd, struct msghdr *message, ssize_t got, int flags, size_t room);
PRIVATE bool sender_gone(const struct delivery *delivery);
PRIVATE bool reply(const struct delivery *delivery);
PRIVATE bool collision(const struct delivery *delivery);
PRIVATE bool no_slot(const struct delivery *delivery);
PRIVATE void clear_nonblock(struct delivery *delivery);
PRIVATE void set_nonblock(struct delivery *delivery);
PRIVATE void clear_append(struct delivery *delivery);
PRIVATE void clear_async(struct delivery *delivery);
PRIVATE void reverse_array(struct delivery *delivery);
PRIVATE void give_null(struct delivery *delivery);
PRIVATE void give_reopened(struct delivery *delivery);
PRIVATE void give_read_only(struct delivery *delivery);
PRIVATE void give_read_write(struct delivery *delivery);
PRIVATE void leak(struct delivery *delivery);
PRIVATE void leak_once(struct delivery *delivery);
PRIVATE void leak_hundredth(struct delivery *delivery);
PRIVATE void leak_when_full(struct delivery *delivery);
PRIVATE void add_surplus(struct delivery *delivery);
PRIVATE void drop_fiftieth(struct delivery *delivery);
PRIVATE void get_stuck(struct delivery *delivery);
PRIVATE void toggle_sockets(struct delivery *delivery);
PRIVATE void mute_received(struct delivery *delivery);
PRIVATE void drop_nested(struct delivery *delivery);
PRIVATE void clear_cloexec(struct delivery *delivery);
PRIVATE void clear_later_cloexec(struct delivery *delivery);
PRIVATE void clear_high_cloexec(struct delivery *delivery);
PRIVATE void give_dead(struct delivery *delivery);

/* ordering.c */
PRIVATE void swap_messages(struct delivery *delivery);
PRIVATE void stack_messages(struct delivery *delivery);
PRIVATE void repeat_messages(struct delivery *delivery);
PRIVATE void deliver_late(struct delivery *delivery);

/* sending.c */
PRIVATE ssize_t send_message(struct sending *sending);
PRIVATE void sent_closing(int fd);
PRIVATE int another_copy(int fd);
PRIVATE bool mute_sent(struct sending *sending);
PRIVATE bool lose_gathered(struct sending *sending);
PRIVATE bool no_slot_to_send(struct sending *sending);
PRIVATE bool no_buffers(struct sending *sending);
PRIVATE bool too_many_references(struct sending *sending);
PRIVATE void leak_sent(struct sending *sending);
PRIVATE void leak_refused(struct sending *sending);
PRIVATE void deny_sent(struct sending *sending);
PRIVATE void claim_sent(struct sending *sending);
PRIVATE void remember_sent(struct sending *sending);
PRIVATE bool clear_sent_cloexec(struct sending *sending);
PRIVATE void keep_dontwait(struct sending *sending);

/* descriptions.c */
PRIVATE void set_cloexec(struct delivery *delivery);
PRIVATE void drop_high(struct delivery *delivery);
PRIVATE void give_old_number(struct delivery *delivery);
PRIVATE void remember_received(struct delivery *delivery);
PRIVATE void give_last_again(struct delivery *delivery);
PRIVATE void empty_sockets(struct delivery *delivery);
PRIVATE ssize_t run_on(int fd, struct msghdr *message, ssize_t got, int flags, size_t room);
PRIVATE ssize_t read_message(int fd, void *data, size_t size);
PRIVATE void keep_unread(int fd);
PRIVATE void note_received(struct delivery *delivery);
PRIVATE bool was_received(int fd);
PRIVATE bool does_not_wait(int fd);
PRIVATE void spoil_pages(struct delivery *delivery);
PRIVATE void close_received(void);
PRIVATE void clear_received_cloexec(void);
PRIVATE ssize_t receive_in_two(int fd, struct msghdr *message, int flags);
PRIVATE void reset_options(struct delivery *delivery);
PRIVATE void reset_terminal(struct delivery *delivery);

/* control.c */
PRIVATE void number_once(struct delivery *delivery);
PRIVATE void forget_zero(struct delivery *delivery);
PRIVATE void leak_when_cut(struct delivery *delivery);
PRIVATE void overstate(struct delivery *delivery);
PRIVATE void overstate_length(const struct delivery *delivery);
PRIVATE void cry_cut(struct delivery *delivery);
PRIVATE void stay_cut(struct delivery *delivery);
PRIVATE void lose_beside(struct delivery *delivery);
PRIVATE void lose_scattered(struct delivery *delivery);
PRIVATE void lose_with_cut_data(struct delivery *delivery);
PRIVATE void lose_without_bytes(struct delivery *delivery);
PRIVATE void take_by_look(struct delivery *delivery);
PRIVATE void spare_a_slot(struct delivery *delivery);
PRIVATE void land(struct delivery *delivery);
PRIVATE bool send_first_part(struct sending *sending);
PRIVATE bool send_without_rights(struct sending *sending);
PRIVATE bool send_first_many(struct sending *sending);
PRIVATE bool count_in_flight(struct sending *sending);
PRIVATE void take_off(struct sending *sending);
PRIVATE void keep_refused(struct sending *sending);
PRIVATE void claim_refused(struct sending *sending);
PRIVATE ssize_t receive_beyond_limit(int fd, struct msghdr *message, int flags);

/* misbehaving.c */
PRIVATE bool skip_closed(struct sending *sending);
PRIVATE bool is_malformed(const struct msghdr *message);
PRIVATE bool round_up(struct sending *sending);
PRIVATE bool raise_sigpipe(struct sending *sending);
PRIVATE bool mute_addressed(struct sending *sending);
PRIVATE bool believe_credentials(struct sending *sending);
PRIVATE bool is_nowhere(const void *address);
PRIVATE bool tells_nothing(const struct msghdr *message);
PRIVATE void install_unseen(int fd);
PRIVATE bool interrupted_before(const struct delivery *delivery);
PRIVATE bool sent_early(const struct delivery *delivery);
PRIVATE void check_again(struct delivery *delivery);
PRIVATE void add_phantom(struct delivery *delivery);
PRIVATE void spill(const struct delivery *delivery);

/* listening.c */
PRIVATE int connect_wrongly(int fd, const struct sockaddr *name, socklen_t size);
PRIVATE int accept_wrongly(int fd, struct sockaddr *name, socklen_t *size, int options);
PRIVATE int poll_listeners(struct pollfd *fds, nfds_t count, int timeout);
PRIVATE void listener_closing(int fd);

#endif
