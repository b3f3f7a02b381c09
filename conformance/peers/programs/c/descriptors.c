#define _GNU_SOURCE /* accept4, SOCK_CLOEXEC, MSG_CMSG_CLOEXEC where the headers ask for it */
/* What the peer does with plain descriptors, with its table, and with its children. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EMPTY "\"ok\": {}"
static unsigned char buffer[1 << 17];

static const struct {
    const char *word;
    int flag;
} known_flags[] = {
    {"read", O_RDONLY}, {"write", O_WRONLY}, {"both", O_RDWR}, {"append", O_APPEND},
    {"nonblocking", O_NONBLOCK}, {"create", O_CREAT}, {"directory", O_DIRECTORY},
};

static void op_open(void)
{
    int flags = O_NOCTTY | O_CLOEXEC, count = 0, fd;
    size_t i;

    for (i = 0; i < sizeof known_flags / sizeof *known_flags; i++)
        if (has_word("flags", known_flags[i].word))
            flags |= known_flags[i].flag, count++;
    if (count != words("flags"))
        refuse("there is no such flag");
    fd = open(text("path"), flags, 0600);
    if (fd < 0)
        fail_os(errno);
    answer("\"ok\": {\"fd\": %d}", fd);
}

static void op_socketpair(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        fail_os(errno);
    answer("\"ok\": {\"fds\": [%d, %d]}", ends[0], ends[1]);
}

static void op_write(void)
{
    size_t size = bytes("hex", buffer, sizeof buffer), done = 0;
    int fd = (int)number("fd");

    while (done < size) {
        ssize_t some = write(fd, buffer + done, size - done);

        if (some >= 0)
            done += (size_t)some;
        else if (errno == EAGAIN && done)
            break;
        else if (errno != EINTR)
            fail_os(errno);
    }
    answer("\"ok\": {\"count\": %zu}", done);
}

static void op_read(void)
{
    static char hex[2 * sizeof buffer + 1];
    size_t count = (size_t)number("count"), i;
    int fd = (int)number("fd");
    ssize_t some;

    if (!wait_for(fd, POLLIN, timeout()))
        fail("passer", "timed-out", 0, "nothing to read in time");
    some = read(fd, buffer, count < sizeof buffer ? count : sizeof buffer);
    if (some < 0)
        fail_os(errno);
    hex[0] = 0;
    for (i = 0; i < (size_t)some; i++)
        sprintf(hex + 2 * i, "%02x", buffer[i]);
    answer("\"ok\": {\"hex\": \"%s\"}", hex);
}

static void op_seek(void)
{
    off_t offset = lseek((int)number("fd"), (off_t)number("offset"), SEEK_SET);

    if (offset < 0)
        fail_os(errno);
    answer("\"ok\": {\"offset\": %lld}", (long long)offset);
}

static void op_close(void)
{
    if (close((int)number("fd")) < 0)
        fail_os(errno);
    answer(EMPTY);
}

static void op_flags(void)
{
    int fd = (int)number("fd"), flags = fcntl(fd, F_GETFL), more = fcntl(fd, F_GETFD);
    int access = flags & O_ACCMODE;

    if (flags < 0 || more < 0)
        fail_os(errno);
    answer("\"ok\": {\"nonblocking\": %s, \"append\": %s, \"cloexec\": %s, \"access\": \"%s\"}",
           flags & O_NONBLOCK ? "true" : "false", flags & O_APPEND ? "true" : "false",
           more & FD_CLOEXEC ? "true" : "false",
           access == O_RDONLY ? "read" : access == O_WRONLY ? "write" : access == O_RDWR ? "both" : "none");
}

static void op_set_nonblocking(void)
{
    keep_nonblocking((int)number("fd"), truth("on"));
    answer(EMPTY);
}

static void op_identity(void)
{
    struct stat about;
    mode_t mode;

    if (fstat((int)number("fd"), &about) < 0)
        fail_os(errno);
    mode = about.st_mode;
    answer("\"ok\": {\"dev\": %llu, \"ino\": %llu, \"kind\": \"%s\"}", (unsigned long long)about.st_dev,
           (unsigned long long)about.st_ino,
           S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISFIFO(mode) ? "pipe"
           : S_ISSOCK(mode) ? "socket" : S_ISCHR(mode) ? "character device"
           : S_ISBLK(mode) ? "block device" : "other");
}

/* -- the table -- */

static int *filling; /* the duplicates that fill it */
static size_t held;

static size_t let_go(size_t count)
{
    size_t freed = count < held ? count : held, i;

    for (i = 0; i < freed; i++)
        close(filling[--held]);
    return freed;
}

static void op_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)number("descriptors");
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail_os(errno);
    answer(EMPTY);
}

static void op_fill(void)
{
    int fd;

    while ((fd = fcntl(2, F_DUPFD_CLOEXEC, 0)) >= 0) {
        filling = realloc(filling, (held + 1) * sizeof *filling);
        if (!filling)
            abort();
        filling[held++] = fd;
    }
    let_go((size_t)number("leave"));
    answer("\"ok\": {\"filled\": %zu}", held);
}

static void op_free(void)
{
    answer("\"ok\": {\"freed\": %zu}", let_go(field("count") ? (size_t)number("count") : held));
}

static void op_table(void)
{
    static char list[1 << 18];
    long fd, most = sysconf(_SC_OPEN_MAX);
    size_t used = 0;

    list[0] = 0;
    for (fd = 0; fd < most && used < sizeof list - 20; fd++)
        if (fcntl((int)fd, F_GETFD) >= 0)
            used += (size_t)sprintf(list + used, used ? ", %ld" : "%ld", fd);
    answer("\"ok\": {\"fds\": [%s]}", list);
}

static pthread_t churning;
static volatile int churn_wanted, churn_runs;

static void pause_for(long nanoseconds)
{
    nanosleep(&(struct timespec){0, nanoseconds}, NULL);
}

static void *churn(void *nothing)
{
    while (churn_wanted) {
        int one = dup(2), other = dup(2);

        pause_for(100000);
        if (one >= 0)
            close(one);
        if (other >= 0)
            close(other);
        pause_for(100000);
    }
    return nothing;
}

static void op_churn(void)
{
    int on = truth("on");

    if (on && !churn_runs) {
        churn_wanted = churn_runs = 1;
        if (pthread_create(&churning, NULL, churn, NULL))
            abort();
    } else if (!on && churn_runs) {
        churn_wanted = 0;
        pthread_join(churning, NULL);
        churn_runs = 0;
    }
    answer(EMPTY);
}

/* -- children -- */

static void op_fork(void)
{
    int in = (int)number("stdin"), out = (int)number("stdout");
    pid_t pid = fork();

    if (pid < 0)
        fail_os(errno);
    if (!pid) {
        dup2(in, 0);
        dup2(out, 1);
        churn_runs = churn_wanted = 0; /* a child has no threads */
        forget_requests();
    }
    close(in);
    close(out);
    if (pid)
        answer("\"ok\": {\"pid\": %ld}", (long)pid);
}

static void op_wait(void)
{
    pid_t pid = (pid_t)number("pid"), found;
    double left = timeout();
    int status;

    while ((found = waitpid(pid, &status, WNOHANG)) == 0) {
        if (left >= 0 && (left -= 0.001) < 0)
            fail("passer", "timed-out", 0, "it has not ended");
        pause_for(1000000);
    }
    if (found < 0)
        fail_os(errno);
    answer("\"ok\": {\"status\": %d}", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

const struct operation descriptor_operations[] = {
    {"open", op_open}, {"socketpair", op_socketpair}, {"write", op_write}, {"read", op_read},
    {"seek", op_seek}, {"close", op_close}, {"flags", op_flags}, {"set_nonblocking", op_set_nonblocking},
    {"identity", op_identity}, {"limit", op_limit}, {"fill", op_fill}, {"free", op_free},
    {"table", op_table}, {"churn", op_churn}, {"fork", op_fork}, {"wait", op_wait}, {NULL, NULL},
};
