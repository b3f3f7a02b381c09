/*
 * What a descriptor is, and who calls.
 *
 * The end of a stream is a Unix stream socket with a name of a fixed beginning in the abstract
 * namespace. The name is the kernel's, so it is there after fork, after exec and after passing.
 */
#include "simulated.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>
#include <unistd.h>

/* The first byte of an abstract name is 0, unix(7). An end goes on with "e", a path with "p". */
#define BEGINNING "\0simulated-stream/"
enum { BEGINNING_SIZE = sizeof BEGINNING - 1, BEFORE = offsetof(struct sockaddr_un, sun_path) };

static bool is_ours(const struct sockaddr_un *name, socklen_t size)
{
    return size > BEFORE + BEGINNING_SIZE && name->sun_family == AF_UNIX &&
           memcmp(name->sun_path, BEGINNING, BEGINNING_SIZE) == 0;
}

enum kind kind_of(int fd)
{
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    int error = errno, listening = 0;
    enum kind kind = OTHER;
    if (real()->getsockname(fd, (struct sockaddr *)&name, &size) == 0 && is_ours(&name, size)) {
        /* What a listener accepts has the listener's name. */
        size = sizeof listening;
        real()->getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
        kind = listening ? LISTENER : END;
    }
    errno = error;
    return kind;
}

static socklen_t put_name(struct sockaddr *address, const char *rest)
{
    struct sockaddr_un *name = (struct sockaddr_un *)address;
    size_t length = strlen(rest);
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, BEGINNING, BEGINNING_SIZE);
    memcpy(name->sun_path + BEGINNING_SIZE, rest, length);
    return (socklen_t)(BEFORE + BEGINNING_SIZE + length);
}

/* Make a socket the end of a stream, by a name that nobody else has. */
bool mark(int fd)
{
    uint64_t number[2];
    char rest[48];
    struct sockaddr_un name;
    do {
        if (getrandom(number, sizeof number, 0) != sizeof number)
            return false;
        snprintf(rest, sizeof rest, "e%016jx%016jx", (uintmax_t)number[0], (uintmax_t)number[1]);
        socklen_t size = put_name((struct sockaddr *)&name, rest);
        if (bind(fd, (struct sockaddr *)&name, size) == 0)
            return true;
    } while (errno == EADDRINUSE);
    return false;
}

/*
 * The name under which the listener of an attached file waits; 0 where there is no regular file. A
 * file's number may be another file's as soon as it is gone; together with its birth it is not.
 */
socklen_t name_of_file(const struct statx *file, struct sockaddr *address)
{
    char rest[80];
    if (!S_ISREG(file->stx_mode))
        return 0;
    snprintf(rest, sizeof rest, "p%x:%x:%jx:%jx.%x", file->stx_dev_major, file->stx_dev_minor,
             (uintmax_t)file->stx_ino, (uintmax_t)file->stx_btime.tv_sec, file->stx_btime.tv_nsec);
    return put_name(address, rest);
}

typedef int naming(int, struct sockaddr *, socklen_t *);

static bool same_name(int fd, naming *of_fd, int other, naming *of_other)
{
    struct sockaddr_un one, two;
    socklen_t size = sizeof one, other_size = sizeof two;
    return of_fd(fd, (struct sockaddr *)&one, &size) == 0 &&
           of_other(other, (struct sockaddr *)&two, &other_size) == 0 && size == other_size &&
           memcmp(&one, &two, size) == 0;
}

/* Whether the descriptor `other` is the other end of the pipe that `fd` is an end of. */
bool is_other_end(int fd, int other)
{
    /* Both ways, since all that a listener has accepted has one name. */
    return same_name(fd, real()->getpeername, other, real()->getsockname) &&
           same_name(fd, real()->getsockname, other, real()->getpeername);
}

/*
 * Whether a call comes from ctypes. Calls of the interpreter itself and of its other modules mean
 * Linux; those through ctypes were written for the system that simulated_system() names.
 */
bool from_ffi(const void *caller)
{
    enum { KNOWN = 64 };
    static _Atomic uintptr_t known[KNOWN]; /* the address, and 1 where it is in libffi */
    uintptr_t address = (uintptr_t)caller << 1;
    _Atomic uintptr_t *place = &known[(uintptr_t)caller % KNOWN];
    uintptr_t seen = atomic_load_explicit(place, memory_order_relaxed);
    if (seen && (seen & ~(uintptr_t)1) == address)
        return seen & 1;
    Dl_info info;
    bool ffi = dladdr(caller, &info) && info.dli_fname &&
               (strstr(info.dli_fname, "libffi") || strstr(info.dli_fname, "_ctypes"));
    atomic_store_explicit(place, address | ffi, memory_order_relaxed);
    return ffi;
}

bool nonblocking(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* Close, and keep errno. */
void shut(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
}

int fail(int error)
{
    errno = error;
    return -1;
}
