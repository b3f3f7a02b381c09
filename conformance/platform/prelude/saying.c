#if defined(__linux__) || defined(__CYGWIN__)
#define _GNU_SOURCE
#elif defined(__sun)
#define _XOPEN_SOURCE 700 /* the sendmsg with control messages: standards(7) */
#define __EXTENSIONS__
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#endif

enum { HOLDS = 0, FAILS = 1, MISSING = 77, WRONG = 99, TABLE = 4096, MOST_MADE = 64, TRIES = 30 };

struct bytes {
    const char *at;
    size_t size;
};

struct part { /* a control message of level SOL_SOCKET */
    int type;
    struct bytes inside;
};

struct parts {
    const struct part *list;
    size_t count;
};

struct result { /* what a step gave; the fields that a step does not give stay empty */
    const char *error, *text;
    struct bytes data;
    long number, count, messages, ctrunc, trunc, overrun, readable, writable, hangup, fds;
    long addresses, unopened, stale, beyond, others;
    int *list;
};

#define DATA(literal) ((struct bytes){literal, sizeof(literal) - 1})
#define RIGHTS(...) rights((int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define PARTS(...)                                                                                 \
    ((struct parts){(struct part[]){__VA_ARGS__},                                                  \
                    sizeof((struct part[]){__VA_ARGS__}) / sizeof(struct part)})
#define NO_PARTS ((struct parts){NULL, 0})
#define attempt(call) (state.may_fail = 1, (call))

static struct {
    double seconds; /* for one step */
    int step, may_fail;
    const char *doing;
    pid_t pid;
    char folder[64], *made[MOST_MADE];
    int made_count;
    int filled[TABLE], filled_count;
    pid_t processes[16];
    int process_count;
} state = {.seconds = 2.0};


static void *memory(size_t size)
{
    void *found = calloc(1, size + 1);
    if (!found)
        _exit(WRONG);
    return found;
}

static void tell(int fd, const char *words)
{
    size_t left = strlen(words);
    while (left) {
        ssize_t gone = write(fd, words, left);
        if (gone < 0 && errno != EINTR)
            return;
        words += gone < 0 ? 0 : gone;
        left -= gone < 0 ? 0 : (size_t)gone;
    }
}

/* Quote a text for JSON. */
static char *quoted(const char *words)
{
    char *text = memory(6 * strlen(words) + 2), *at = text;
    *at++ = '"';
    for (; *words; words++) {
        if (*words == '"' || *words == '\\')
            at += sprintf(at, "\\%c", *words);
        else if ((unsigned char)*words < 32)
            at += sprintf(at, "\\u%04x", *words);
        else
            *at++ = *words;
    }
    *at = '"';
    return text;
}

/* Write bytes for people; expectations are written so too. */
static char *shown(struct bytes data)
{
    size_t size = data.size > 64 ? 16 : data.size;
    char *text = memory(4 * size + 64), *at = text;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)data.at[i];
        at += byte >= 32 && byte < 127 ? sprintf(at, "%c", byte) : sprintf(at, "\\x%02x", byte);
    }
    if (size < data.size)
        sprintf(at, "... %lu bytes", (unsigned long)data.size);
    return text;
}

/* Remove what was made. */
static void clean(void)
{
    for (int i = 0; i < state.made_count; i++)
        unlink(state.made[i]);
    if (state.folder[0] && rmdir(state.folder) < 0)
        tell(2, "the temporary directory could not be removed\n");
}

/* Say the verdict, and be gone; nothing that was started stays. What a child has said, its parent
   does not say again. */
static void end(int status, const char *words, const char *expected, const char *saw)
{
    const char *name = status == HOLDS   ? "holds"
                       : status == FAILS ? "fails"
                       : status == WRONG ? "wrong"
                                         : "missing";
    for (int i = 0; i < state.process_count; i++) {
        kill(state.processes[i], SIGKILL);
        waitpid(state.processes[i], NULL, 0);
    }
    if (state.pid == getpid())
        clean();
    if (words || (status == HOLDS && state.pid == getpid())) {
        size_t size = 128 + (words ? strlen(words) : 0);
        size += expected ? strlen(expected) + strlen(saw) : 0;
        char *line = memory(8 * size), *at = line;
        if (words && expected)
            sprintf(line, "%s: %s: expected %s, saw %s\n", name, words, expected, saw);
        else if (words)
            sprintf(line, "%s: %s\n", name, words);
        tell(2, line);
        at += sprintf(at, "{\"verdict\": \"%s\"", name);
        if (words)
            at += sprintf(at, ", \"words\": %s", quoted(words));
        if (words && expected)
            at += sprintf(at, ", \"expected\": %s, \"saw\": %s", quoted(expected), quoted(saw));
        sprintf(at, "}\n");
        tell(1, line);
    }
    _exit(status);
}

static const struct {
    int number;
    const char *name;
} errors[] = {
#define NAMED(name) {name, #name},
    NAMED(E2BIG) NAMED(EACCES) NAMED(EADDRINUSE) NAMED(EADDRNOTAVAIL) NAMED(EAFNOSUPPORT)
    NAMED(EAGAIN) NAMED(EBADF) NAMED(EBADMSG) NAMED(EBUSY) NAMED(ECONNABORTED)
    NAMED(ECONNREFUSED) NAMED(ECONNRESET) NAMED(EDEADLK) NAMED(EDESTADDRREQ) NAMED(EEXIST)
    NAMED(EFAULT) NAMED(EINTR) NAMED(EINVAL) NAMED(EIO) NAMED(EISCONN) NAMED(EISDIR)
    NAMED(EMFILE) NAMED(EMSGSIZE) NAMED(ENFILE) NAMED(ENOBUFS) NAMED(ENODEV) NAMED(ENOENT)
    NAMED(ENOMEM) NAMED(ENOPROTOOPT) NAMED(ENOSPC) NAMED(ENOSYS) NAMED(ENOTCONN) NAMED(ENOTDIR)
    NAMED(ENOTSOCK) NAMED(ENOTTY) NAMED(ENXIO) NAMED(EOPNOTSUPP) NAMED(EOVERFLOW) NAMED(EPERM)
    NAMED(EPIPE) NAMED(EPROTONOSUPPORT) NAMED(EPROTOTYPE) NAMED(ERANGE) NAMED(ESPIPE) NAMED(ESRCH)
    NAMED(ETIMEDOUT)
#ifdef ETOOMANYREFS
    NAMED(ETOOMANYREFS)
#endif
#ifdef ESOCKTNOSUPPORT
    NAMED(ESOCKTNOSUPPORT)
#endif
};

static const char *error_name(int number)
{
    if (number == EWOULDBLOCK)
        return "EAGAIN";
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == number)
            return errors[i].name;
    char *text = memory(16);
    sprintf(text, "%d", number);
    return text;
}

static void missing(const char *words, const char *name)
{
    char *line = memory(strlen(words) + strlen(name) + 2);
    sprintf(line, "%s%s", words, name);
    end(MISSING, line, NULL, NULL);
}
