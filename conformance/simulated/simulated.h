/*
 * A simulated illumos: what the files of this directory share. README.md tells what is imitated.
 *
 * A call goes   calls.c  ->  stream.c (a stream's end)  or  attach.c (a name, connld)
 *                        ->  rights.c (sendmsg and recvmsg as illumos has them)
 *                        ->  else the real call, at once.
 * kinds.c recognises streams and the callers that are meant; system.c has the name and the faults.
 */
#ifndef SIMULATED_H
#define SIMULATED_H

#define _GNU_SOURCE

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#define PRIVATE __attribute__((visibility("hidden")))

/* Everything below is LP64: illumos' other data model, ILP32, has no process here. */
_Static_assert(sizeof(void *) == 8, "written for 64-bit systems");

/* usr/src/uts/common/sys/stropts.h */
enum {
    I_PUSH = 0x5302,
    I_POP = 0x5303,
    I_LOOK = 0x5304,
    I_RECVFD = 0x530e,
    I_PEEK = 0x530f,
    I_SENDFD = 0x5311,
    RS_HIPRI = 1,
    MODULE_NAME = 9, /* FMNAMESZ and a NUL */
};

struct strrecvfd {
    int fd;
    uint32_t uid;
    uint32_t gid;
    char fill[8];
};

struct strbuf {
    int maxlen;
    int len;
    char *buf;
};

struct strpeek {
    struct strbuf ctlbuf;
    struct strbuf databuf;
    uint32_t flags;
};

_Static_assert(sizeof(struct strrecvfd) == 20, "stropts.h");
_Static_assert(sizeof(struct strpeek) == 40, "stropts.h");

/* What a descriptor is. */
enum kind {
    OTHER,    /* no stream: the real calls are for it */
    END,      /* one end of a stream pipe */
    LISTENER, /* an end whose other end is attached to a path, connld on it */
};

/* The next definitions of the functions interposed: libc's. */
struct real {
    ssize_t (*read)(int, void *, size_t);
    ssize_t (*write)(int, const void *, size_t);
    int (*pipe)(int *);
    int (*poll)(struct pollfd *, nfds_t, int);
    int (*ioctl)(int, unsigned long, ...);
    ssize_t (*sendmsg)(int, const struct msghdr *, int);
    ssize_t (*recvmsg)(int, struct msghdr *, int);
    ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    int (*getsockname)(int, struct sockaddr *, socklen_t *);
    int (*getpeername)(int, struct sockaddr *, socklen_t *);
    int (*getsockopt)(int, int, int, void *, socklen_t *);
    int (*setsockopt)(int, int, int, const void *, socklen_t);
    int (*shutdown)(int, int);
};

/* A faulty illumos; the names are in system.c. */
enum fault {
    LOSES_PUT_BACK = 1 << 0,
    READ_DISCARDS = 1 << 1,
    WHOLE_LENGTH = 1 << 2,
};

/* system.c */
PRIVATE const struct real *real(void);
PRIVATE bool fault(enum fault one);

/* kinds.c */
PRIVATE enum kind kind_of(int fd);
PRIVATE bool mark(int fd);
PRIVATE socklen_t name_of_file(const struct statx *file, struct sockaddr *address);
PRIVATE bool is_other_end(int fd, int other);
PRIVATE bool from_ffi(const void *caller);
PRIVATE bool nonblocking(int fd);
PRIVATE void shut(int fd);
PRIVATE int fail(int error);

/* lock.c */
PRIVATE void lock_end(int fd);
PRIVATE void unlock_end(int fd);

/* stream.c */
PRIVATE int stream_pipe(int ends[2]);
PRIVATE ssize_t stream_read(int fd, char *data, size_t size);
PRIVATE ssize_t stream_write(int fd, const char *data, size_t size);
PRIVATE int stream_send_fd(int fd, int passed);
PRIVATE int stream_receive_fd(int fd, struct strrecvfd *received);
PRIVATE int stream_peek(int fd, struct strpeek *peek);
PRIVATE bool stream_hung_up(int fd);
PRIVATE int stream_let_in(int fd);
PRIVATE int stream_wait_for_server(int fd);

/* attach.c */
PRIVATE int connld_push(int fd, enum kind kind, const char *module);
PRIVATE int connld_pop(int fd);
PRIVATE int connld_look(int fd, char *name);
PRIVATE bool is_attached(int directory, const char *path, int flags);
PRIVATE int attached_open(int directory, const char *path, int flags);
enum { NOT_ATTACHED = -2 };

/* listener.c */
PRIVATE int listen_at(const struct sockaddr *name, socklen_t size);
PRIVATE ssize_t listener_read(int fd, size_t size);
PRIVATE int listener_receive_fd(int fd, struct strrecvfd *received);
PRIVATE int listener_peek(int fd);

#endif
