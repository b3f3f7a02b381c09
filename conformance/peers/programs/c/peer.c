/* The loop of the peer program: a request a line in, an answer a line out, no buffer of stdio. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NAME
#define NAME "c-cmsg"
#endif
#ifndef LIBRARY
#define LIBRARY ""
#endif

static char unread[1 << 19]; /* bytes */
static size_t length;
static jmp_buf loop;

void forget_requests(void)
{
    length = 0;
}

static const struct {
    int number;
    const char *name;
} errors[] = {
#define NAMED(name) {name, #name}
    NAMED(EACCES), NAMED(EADDRINUSE), NAMED(EAGAIN), NAMED(EBADF), NAMED(ECHILD), NAMED(ECONNREFUSED),
    NAMED(ECONNRESET), NAMED(EEXIST), NAMED(EINTR), NAMED(EINVAL), NAMED(EIO), NAMED(EISDIR),
    NAMED(ELOOP), NAMED(EMFILE), NAMED(EMSGSIZE), NAMED(ENAMETOOLONG), NAMED(ENFILE), NAMED(ENOBUFS),
    NAMED(ENOENT), NAMED(ENOMEM), NAMED(ENOTCONN), NAMED(ENOTDIR), NAMED(ENOTSOCK), NAMED(ENXIO),
    NAMED(EPERM), NAMED(EPIPE), NAMED(ESPIPE), NAMED(ETIMEDOUT), NAMED(ETOOMANYREFS),
};

void fail(const char *kind, const char *name, int number, const char *message)
{
    char known[60] = "";
    size_t i;

    for (i = 0; number && i < sizeof errors / sizeof *errors; i++)
        if (errors[i].number == number)
            snprintf(known, sizeof known, ", \"errno\": \"%s\"", errors[i].name);
    if (number && !*known)
        snprintf(known, sizeof known, ", \"errno\": \"%d\"", number);
    answer("\"error\": {\"class\": \"%s\", \"name\": \"%s\", \"message\": %s%s}", kind, name,
           quoted(message), known);
    longjmp(loop, 1);
}

void fail_os(int number)
{
    int again = number == EAGAIN || number == EWOULDBLOCK;

    fail(again ? "passer" : "os", again ? "would-block" : "os", number, strerror(number));
}

void refuse(const char *why)
{
    fail("usage", "usage", 0, why);
}

int wait_for(int fd, short event, double seconds)
{
    struct pollfd one = {fd, event, 0};
    int found;

    do /* a wait that a signal ends begins anew: SIGSTOP and SIGCONT do it, too */
        found = poll(&one, 1, seconds < 0 ? -1 : (int)(seconds * 1000 + 0.999));
    while (found < 0 && errno == EINTR);
    return found > 0;
}

void keep_nonblocking(int fd, int on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
        fail_os(errno);
}

static void hello(void)
{
    static char names[2000];
    const struct operation *lists[] = {descriptor_operations, passing_operations}, *one;
    size_t i, used = 0;

    for (i = 0; i < 2; i++)
        for (one = lists[i]; one->name; one++)
            used += (size_t)snprintf(names + used, sizeof names - used, ", \"%s\"", one->name);
    answer("\"ok\": {\"protocol\": 1, \"name\": \"" NAME "\", \"version\": \"1\", \"language\": \"C, %s" LIBRARY "\","
           " \"pid\": %ld, \"backends\": {}, \"survivals\": {}, \"ops\": [\"hello\"%s]}",
#ifdef __VERSION__
           "compiler " __VERSION__,
#else
           "unknown compiler",
#endif
           (long)getpid(), names);
}

static void run(const char *line)
{
    const struct operation *lists[] = {descriptor_operations, passing_operations}, *one;
    char name[64];
    size_t i;

    take_request(line);
    if (setjmp(loop))
        return;
    snprintf(name, sizeof name, "%s", text("op"));
    if (!strcmp(name, "hello")) {
        hello();
        return;
    }
    for (i = 0; i < 2; i++)
        for (one = lists[i]; one->name; one++)
            if (!strcmp(one->name, name)) {
                one->run();
                return;
            }
    answer("\"unsupported\": {\"reason\": \"unknown operation\"}");
}

int main(void)
{
    static char line[sizeof unread];

    for (;;) {
        char *end = memchr(unread, '\n', length);

        if (end) {
            size_t whole = (size_t)(end - unread);

            memcpy(line, unread, whole);
            line[whole] = 0;
            length -= whole + 1;
            memmove(unread, end + 1, length);
            run(line);
        } else {
            ssize_t some = read(0, unread + length, sizeof unread - length);

            if (some < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (some <= 0)
                break;
            length += (size_t)some;
        }
    }
    while (wait(NULL) > 0) /* the children of fork, whose input ends before this one's */
        ;
    return 0;
}
