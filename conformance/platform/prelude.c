#if defined(__linux__) || defined(__CYGWIN__)
#define _GNU_SOURCE
#elif defined(__sun)
#define _XOPEN_SOURCE 700 /* the sendmsg with control messages: standards(7) */
#define __EXTENSIONS__
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { HOLDS = 0, FAILS = 1, MISSING = 77, WRONG = 99, TABLE = 4096, MOST_MADE = 16 };

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
    long addresses, unopened, stale, beyond;
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

/* -- saying what was seen -- */

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

/* -- steps -- */

static void hangs(int number)
{
    char line[96];
    (void)number;
    sprintf(line, "step %d, %.32s, did not come to its end", state.step, state.doing);
    end(FAILS, line, NULL, NULL);
}

static void deadline(double seconds)
{
    struct itimerval timer = {{0, 0}, {0, 0}};
    timer.it_value.tv_sec = (time_t)seconds;
    timer.it_value.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void begin(const char *doing)
{
    state.step++;
    state.doing = doing;
    deadline(state.seconds * (strcmp(doing, "child") ? 1 : 1.5));
}

/* End a step: tell what it gave, as further fields of JSON. */
static void done(int error, int prepares, const char *told)
{
    deadline(0);
    const char *name = error ? error_name(error) : "";
    char *line = memory(128 + strlen(told));
    int may_fail = state.may_fail;
    state.may_fail = 0;
    sprintf(line, "{\"step\": %d, \"do\": \"%s\", \"errno\": \"%s\"%s}\n", state.step, state.doing,
            name, told);
    tell(1, line);
    free(line);
    if (!error || may_fail)
        return;
    line = memory(128);
    sprintf(line, "step %d, %s, failed with %s", state.step, state.doing, name);
    int lacks = error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == ENOSYS;
#ifdef ESOCKTNOSUPPORT
    lacks |= error == ESOCKTNOSUPPORT;
#endif
    lacks |= error == EOPNOTSUPP || error == EPROTOTYPE || error == EADDRNOTAVAIL;
    end(!prepares ? FAILS : lacks ? MISSING : WRONG, line, NULL, NULL);
}

/* Begin what a step gives: its error, and nothing else. */
static struct result outcome(int error)
{
    struct result result;
    memset(&result, 0, sizeof result);
    result.error = error ? error_name(error) : "";
    result.text = "";
    return result;
}

/* End a step that gives a number. */
static struct result numbered(long number, int error)
{
    struct result result = outcome(error);
    char line[64];
    result.number = error ? 0 : number;
    sprintf(line, ", \"number\": %ld", result.number);
    done(error, 0, line);
    return result;
}

/* End a step that gives a count. */
static struct result counted(long count, int error)
{
    struct result result = outcome(error);
    char line[64];
    result.count = error ? 0 : count;
    sprintf(line, ", \"count\": %ld", result.count);
    done(error, 0, line);
    return result;
}

/* End a step that gives nothing but its error. */
static struct result nothing(int error)
{
    struct result result = outcome(error);
    done(error, 0, "");
    return result;
}

/* End a step that gives a descriptor: it, or -errno. */
static int opened(int fd, int prepares)
{
    int error = fd < 0 ? errno : 0;
    done(error, prepares, "");
    return error ? -error : fd;
}

/* End a step that gives two. */
static void both(int result, const int pair[2], int *one, int *other)
{
    int error = result < 0 ? errno : 0;
    *one = error ? -error : pair[0];
    *other = error ? -error : pair[1];
    done(error, 1, "");
}

/* Name the error in place of a descriptor. */
static const char *errno_of(int fd)
{
    return fd < 0 ? error_name(-fd) : "";
}

static int received(struct result result, long index)
{
    if (index >= result.fds) {
        char *line = memory(128);
        sprintf(line, "after step %d: a descriptor is to be used that did not come", state.step);
        end(FAILS, line, NULL, NULL);
    }
    return result.list[index];
}

static int same_text(const char *one, const char *other)
{
    return !strcmp(one, other);
}

static int same_data(struct bytes one, struct bytes other)
{
    return one.size == other.size && !memcmp(one.at, other.at, one.size);
}

static char *number(const char *name, long value)
{
    char *line = memory(strlen(name) + 32);
    sprintf(line, "%s %ld", name, value);
    return line;
}

static char *text(const char *name, const char *value)
{
    char *line = memory(strlen(name) + strlen(value) + 32);
    sprintf(line, "%s %s", name, *value ? value : "no error");
    return line;
}

static char *data(const char *name, struct bytes value)
{
    char *words = shown(value), *line = memory(strlen(name) + strlen(words) + 2);
    sprintf(line, "%s %s", name, words);
    return line;
}

/* Join what was seen; the list ends with NULL. */
static char *saw(const char *first, ...)
{
    va_list list;
    size_t size = 1;
    va_start(list, first);
    for (const char *one = first; one; one = va_arg(list, const char *))
        size += strlen(one) + 2;
    va_end(list);
    char *line = memory(size);
    va_start(list, first);
    for (const char *one = first; one; one = va_arg(list, const char *)) {
        strcat(line, *line ? ", " : "");
        strcat(line, one);
    }
    va_end(list);
    return line;
}

static void expect(int holds, const char *words, const char *expected, const char *seen)
{
    if (!holds)
        end(FAILS, words, expected, seen);
}

static void need(int holds, const char *words, const char *expected, const char *seen)
{
    if (!holds)
        end(MISSING, words, expected, seen);
}

/* -- opening -- */

/* Give a path for what is to be made; it is removed in the end. */
static const char *place(const char *name)
{
    const char *temporary = getenv("TMPDIR");
    if (!state.folder[0]) {
        if (!temporary || strlen(temporary) > sizeof state.folder - 16)
            temporary = "/tmp";
        sprintf(state.folder, "%s/fd-XXXXXX", temporary);
        if (!mkdtemp(state.folder))
            end(WRONG, "no temporary directory can be made", NULL, NULL);
    }
    if (state.made_count == MOST_MADE)
        end(WRONG, "too many files", NULL, NULL);
    char *path = memory(strlen(state.folder) + strlen(name) + 16);
    sprintf(path, "%s/%s%d", state.folder, name, state.made_count);
    return state.made[state.made_count++] = path;
}

static void do_socketpair(const char *kind, int *one, int *other)
{
    int type = *kind == 's' ? SOCK_STREAM : SOCK_DGRAM, pair[2];
    begin("socketpair");
    if (!strcmp(kind, "seqpacket"))
        type = SOCK_SEQPACKET;
    both(socketpair(AF_UNIX, type, 0, pair), pair, one, other);
}

static int bound(int fd, struct sockaddr_in *name)
{
    socklen_t room = sizeof *name;
    memset(name, 0, sizeof *name);
    name->sin_family = AF_INET;
    name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)name, sizeof *name) < 0)
        return -1;
    return getsockname(fd, (struct sockaddr *)name, &room);
}

static int connected(int type, int pair[2])
{
    struct sockaddr_in one, other;
    int fd = socket(AF_INET, type, 0);
    pair[0] = socket(AF_INET, type, 0);
    if (fd < 0 || pair[0] < 0 || bound(fd, &one) < 0)
        return -1;
    if (type == SOCK_DGRAM) {
        pair[1] = fd;
        if (bound(pair[0], &other) < 0 ||
            connect(fd, (struct sockaddr *)&other, sizeof other) < 0)
            return -1;
        return connect(pair[0], (struct sockaddr *)&one, sizeof one);
    }
    if (listen(fd, 1) < 0 || connect(pair[0], (struct sockaddr *)&one, sizeof one) < 0)
        return -1;
    pair[1] = accept(fd, NULL, NULL);
    close(fd);
    return pair[1];
}

static void do_inet(const char *kind, int *one, int *other)
{
    int pair[2];
    begin("inet");
    both(connected(*kind == 't' ? SOCK_STREAM : SOCK_DGRAM, pair), pair, one, other);
}

static void do_pipe(int *one, int *other)
{
    int pair[2];
    begin("pipe");
    both(pipe(pair), pair, one, other);
}

static int terminal(int pair[2])
{
    pair[0] = posix_openpt(O_RDWR | O_NOCTTY);
    if (pair[0] < 0 || grantpt(pair[0]) < 0 || unlockpt(pair[0]) < 0)
        return -1;
    return pair[1] = open(ptsname(pair[0]), O_RDWR | O_NOCTTY);
}

static void do_pty(int *one, int *other)
{
    int pair[2];
    begin("pty");
    both(terminal(pair), pair, one, other);
}

static int do_listener(void)
{
    struct sockaddr_un name;
    begin("listener");
    memset(&name, 0, sizeof name);
    name.sun_family = AF_UNIX;
    strncpy(name.sun_path, place("socket"), sizeof name.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 8) < 0))
        fd = -1;
    return opened(fd, 1);
}

/* Connect; what is interrupted goes on by itself. */
static int joined(int fd, const void *name, socklen_t size)
{
    int result, interrupted = 0;
    while ((result = connect(fd, name, size)) < 0) {
        if (interrupted && errno == EISCONN)
            return 0;
        if (errno != EINTR && !(interrupted && errno == EALREADY))
            break;
        interrupted = 1;
    }
    return result;
}

static int do_connect(int listener)
{
    struct sockaddr_un name;
    socklen_t room = sizeof name;
    begin("connect");
    int fd = -1;
    if (getsockname(listener, (struct sockaddr *)&name, &room) == 0)
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && joined(fd, &name, room) < 0)
        fd = -1;
    return opened(fd, 0);
}

static int do_accept(int listener)
{
    begin("accept");
    int fd;
    do {
        fd = accept(listener, NULL, NULL);
    } while (fd < 0 && errno == EINTR);
    return opened(fd, 0);
}

static int do_socket(const char *kind)
{
    int type = *kind == 's' ? SOCK_STREAM : SOCK_DGRAM;
    begin("socket");
    return opened(socket(AF_UNIX, strcmp(kind, "seqpacket") ? type : SOCK_SEQPACKET, 0), 1);
}

static struct result do_path(size_t size)
{
    begin("path");
    const char *start = place("path");
    if (size && strlen(start) > size)
        missing("the temporary directory has a path that is too long", "");
    char *path = memory(size + strlen(start) + 1);
    strcpy(path, start);
    while (strlen(path) < size)
        strcat(path, "x");
    state.made[state.made_count - 1] = path;
    struct result result = nothing(0);
    result.text = path;
    return result;
}

static struct result do_abstract(void)
{
    begin("abstract");
    const char *path = place("name");
    char *name = memory(strlen(path) + 2);
    sprintf(name, "@%s", path);
    struct result result = nothing(0);
    result.text = name;
    return result;
}

/* Give the address of a path, which may be longer than the structure, or of an abstract name. */
static struct sockaddr *address(const char *path, socklen_t *size)
{
    struct sockaddr_un start;
    size_t before = (size_t)((char *)start.sun_path - (char *)&start);
    char *address = memory(sizeof start + strlen(path) + 1);
    memset(&start, 0, sizeof start);
    start.sun_family = AF_UNIX;
    memcpy(address, &start, sizeof start);
    strcpy(address + before, path);
    *size = (socklen_t)(before + strlen(path) + (*path != '@'));
    if (*path == '@')
        address[before] = 0;
    return (struct sockaddr *)address;
}

static struct result do_bind(int sock, const char *path)
{
    socklen_t size;
    struct sockaddr *name = address(path, &size);
    begin("bind");
    return nothing(bind(sock, name, size) < 0 ? errno : 0);
}

static struct result do_listen(int sock, int backlog)
{
    begin("listen");
    return nothing(listen(sock, backlog) < 0 ? errno : 0);
}

static struct result do_connect_to(int sock, const char *path)
{
    socklen_t size;
    struct sockaddr *name = address(path, &size);
    begin("connect_to");
    return nothing(joined(sock, name, size) < 0 ? errno : 0);
}

static struct result do_unlink(const char *path)
{
    begin("unlink");
    return nothing(unlink(path) < 0 ? errno : 0);
}

static struct result do_forbid(const char *path)
{
    begin("forbid");
    return nothing(chmod(path, 0) < 0 ? errno : 0);
}

static struct result do_exists(const char *path)
{
    struct stat status;
    begin("exists");
    return numbered(lstat(path, &status) == 0, 0);
}

static int do_fifo(void)
{
    begin("fifo");
    const char *path = place("fifo");
    return opened(mkfifo(path, 0600) < 0 ? -1 : open(path, O_RDONLY | O_NONBLOCK), 1);
}

static int ends_of(const char *path, int pair[2])
{
    if (mkfifo(path, 0600) < 0)
        return -1;
    pair[0] = open(path, O_RDONLY | O_NONBLOCK);
    pair[1] = open(path, O_WRONLY);
    return pair[0] < 0 || pair[1] < 0 ? -1 : fcntl(pair[0], F_SETFL, 0);
}

static void do_named_pipe(int *one, int *other)
{
    int pair[2];
    begin("named_pipe");
    both(ends_of(place("fifo"), pair), pair, one, other);
}

static int do_file(struct bytes content, const char *mode)
{
    begin("file");
    const char *path = place("file");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), flags = O_RDWR | O_APPEND;
    if (fd < 0 || write(fd, content.at, content.size) < 0 || close(fd) < 0)
        return opened(-1, 1);
    if (strcmp(mode, "append"))
        flags = !strcmp(mode, "read") ? O_RDONLY : !strcmp(mode, "write") ? O_WRONLY : O_RDWR;
    return opened(open(path, flags), 1);
}

static int do_directory(void)
{
    begin("directory");
    return opened(open("/", O_RDONLY | O_DIRECTORY), 1);
}

static int do_open_at(int directory, const char *path)
{
    begin("open_at");
    return opened(openat(directory, path, O_RDONLY), 0);
}

static int do_memory(size_t size)
{
    char name[32];
    begin("memory");
    sprintf(name, "/fd-%ld", (long)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 && (shm_unlink(name) < 0 || ftruncate(fd, (off_t)size) < 0))
        fd = -1;
    return opened(fd, 1);
}

static int do_null(void)
{
    begin("null");
    return opened(open("/dev/null", O_RDWR), 1);
}

static int do_dup(int fd)
{
    begin("dup");
    return opened(dup(fd), 0);
}

static struct result do_close(int fd)
{
    begin("close");
    return nothing(close(fd) < 0 ? errno : 0);
}

/* -- bytes -- */

static struct bytes filled(int byte, size_t size)
{
    return (struct bytes){memset(memory(size), byte, size), size};
}

static struct result do_read(int fd, size_t size)
{
    char *room = memory(size);
    begin("read");
    ssize_t got;
    do {
        got = read(fd, room, size);
    } while (got < 0 && errno == EINTR);
    int error = got < 0 ? errno : 0;
    struct result result = outcome(error);
    result.data = (struct bytes){room, got < 0 ? 0 : (size_t)got};
    result.count = got < 0 ? 0 : got;
    char *seen = quoted(shown(result.data)), *line = memory(strlen(seen) + 64);
    sprintf(line, ", \"count\": %ld, \"data\": %s", result.count, seen);
    done(error, 0, line);
    return result;
}

static struct result do_write(int fd, struct bytes data)
{
    begin("write");
    ssize_t gone;
    do {
        gone = write(fd, data.at, data.size);
    } while (gone < 0 && errno == EINTR);
    return counted(gone, gone < 0 ? errno : 0);
}

static struct result do_seek(int fd, off_t offset)
{
    begin("seek");
    return nothing(lseek(fd, offset, SEEK_SET) < 0 ? errno : 0);
}

static struct result do_tell(int fd)
{
    begin("tell");
    off_t offset = lseek(fd, 0, SEEK_CUR);
    return numbered((long)offset, offset < 0 ? errno : 0);
}

static struct result do_map_read(int fd, size_t size)
{
    struct result result = outcome(0);
    begin("map_read");
    void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    int error = at == MAP_FAILED ? errno : 0;
    result.error = error ? error_name(error) : "";
    result.count = error ? 0 : (long)size;
    result.data = (struct bytes){memory(size), error ? 0 : size};
    if (!error)
        memcpy((char *)result.data.at, at, size);
    char *seen = quoted(shown(result.data)), *line = memory(strlen(seen) + 64);
    sprintf(line, ", \"count\": %ld, \"data\": %s", result.count, seen);
    done(error, 0, line);
    return result;
}

static struct result do_map_write(int fd, struct bytes data)
{
    begin("map_write");
    void *at = mmap(NULL, data.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return nothing(errno);
    memcpy(at, data.at, data.size);
    munmap(at, data.size);
    return nothing(0);
}

static struct result do_lock(int fd)
{
    struct flock whole;
    begin("lock");
    memset(&whole, 0, sizeof whole);
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return nothing(fcntl(fd, F_SETLK, &whole) < 0 ? errno : 0);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct result do_eof(int fd)
{
    begin("eof");
    double until = now() + state.seconds / 2;
    char room[4096];
    for (double left; (left = until - now()) > 0;) {
        struct pollfd one = {fd, POLLIN, 0};
        if (poll(&one, 1, (int)(left * 1000) + 1) < 1)
            continue;
        ssize_t got = read(fd, room, sizeof room);
        if (got <= 0)
            return numbered(1, got < 0 ? errno : 0);
    }
    return numbered(0, 0);
}

static struct result do_poll(int fd)
{
    struct pollfd one = {fd, POLLIN | POLLOUT, 0};
    begin("poll");
    int error = poll(&one, 1, 0) < 0 ? errno : one.revents & POLLNVAL ? EBADF : 0;
    struct result result = outcome(error);
    result.readable = !error && (one.revents & POLLIN);
    result.writable = !error && (one.revents & POLLOUT);
    result.hangup = !error && (one.revents & POLLHUP);
    char line[96];
    sprintf(line, ", \"readable\": %ld, \"writable\": %ld, \"hangup\": %ld", result.readable,
            result.writable, result.hangup);
    done(error, 0, line);
    return result;
}

static struct result do_shutdown(int sock, const char *how)
{
    int hows = *how == 'r' ? SHUT_RD : *how == 'w' ? SHUT_WR : SHUT_RDWR;
    begin("shutdown");
    return nothing(shutdown(sock, hows) < 0 ? errno : 0);
}

/* -- messages -- */

static int flags_of(const char *names)
{
    static const struct {
        const char *name;
        int flag;
    } known[] = {
        {"PEEK", MSG_PEEK}, {"OOB", MSG_OOB}, {"WAITALL", MSG_WAITALL}, {"TRUNC", MSG_TRUNC},
        {"CTRUNC", MSG_CTRUNC},
#ifdef MSG_DONTWAIT
        {"DONTWAIT", MSG_DONTWAIT},
#endif
#ifdef MSG_NOSIGNAL
        {"NOSIGNAL", MSG_NOSIGNAL},
#endif
#ifdef MSG_EOR
        {"EOR", MSG_EOR},
#endif
#if defined(MSG_CMSG_CLOEXEC) || defined(__linux__) /* there it is an enumerator too */
        {"CMSG_CLOEXEC", MSG_CMSG_CLOEXEC},
#endif
#ifdef MSG_CMSG_CLOFORK
        {"CMSG_CLOFORK", MSG_CMSG_CLOFORK},
#endif
    };
    int flags = 0;
    while (*names) {
        size_t size = strcspn(names, "|"), i = 0, all = sizeof known / sizeof known[0];
        while (i < all && (strlen(known[i].name) != size || strncmp(known[i].name, names, size)))
            i++;
        if (i == all)
            missing("this system has not all of these flags: ", names);
        flags |= known[i].flag;
        names += size + (names[size] == '|');
    }
    return flags;
}

static size_t space(size_t fds)
{
    return CMSG_SPACE(fds * sizeof(int));
}

static size_t length(size_t fds)
{
    return CMSG_LEN(fds * sizeof(int));
}

static struct part rights(const int *fds, size_t count)
{
    char *inside = memory(count * sizeof *fds);
    memcpy(inside, fds, count * sizeof *fds);
    return (struct part){SCM_RIGHTS, {inside, count * sizeof *fds}};
}

/* The same descriptor many times. */
static struct part rights_to(int fd, size_t count)
{
    int *fds = memory(count * sizeof *fds);
    for (size_t i = 0; i < count; i++)
        fds[i] = fd;
    return rights(fds, count);
}

static struct part part(const char *name, struct bytes data)
{
    int type = atoi(name);
    if (!strcmp(name, "RIGHTS"))
        type = SCM_RIGHTS;
#ifdef SCM_CREDENTIALS
    else if (!strcmp(name, "CREDENTIALS"))
        type = SCM_CREDENTIALS;
#endif
    else if (*name < '0' || *name > '9')
        missing("this program knows no control message SCM_", name);
    return (struct part){type, data};
}

static struct msghdr message(struct iovec *data, struct parts parts)
{
    struct msghdr message;
    size_t room = 0;
    memset(&message, 0, sizeof message);
    message.msg_iov = data;
    message.msg_iovlen = 1;
    for (size_t i = 0; i < parts.count; i++)
        room += CMSG_SPACE(parts.list[i].inside.size);
    if (!room)
        return message;
    message.msg_control = memory(room);
    message.msg_controllen = room;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    for (size_t i = 0; i < parts.count; i++, head = CMSG_NXTHDR(&message, head)) {
        struct part one = parts.list[i];
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = one.type;
        head->cmsg_len = CMSG_LEN(one.inside.size);
        memcpy(CMSG_DATA(head), one.inside.at, one.inside.size);
    }
    return message;
}

static struct result do_send(int sock, struct bytes data, struct parts parts, const char *flags)
{
    struct iovec vector = {(void *)data.at, data.size};
    struct msghdr sent = message(&vector, parts);
    int bits = flags_of(flags);
    begin("send");
    ssize_t gone;
    do {
        gone = sendmsg(sock, &sent, bits);
    } while (gone < 0 && errno == EINTR);
    int error = errno;
    free(sent.msg_control);
    return counted(gone, gone < 0 ? error : 0);
}

static struct result do_flood(int sock, struct bytes data, struct parts parts)
{
    struct iovec vector = {(void *)data.at, data.size};
    struct msghdr sent = message(&vector, parts);
    struct result result = outcome(0);
    begin("flood");
    while (result.count < 5000) {
        if (sendmsg(sock, &sent, MSG_DONTWAIT) >= 0)
            result.count++;
        else if (errno != EINTR)
            break;
    }
    if (result.count < 5000)
        result.error = error_name(errno);
    char line[96];
    sprintf(line, ", \"count\": %ld, \"refused\": \"%s\"", result.count, result.error);
    done(0, 0, line);
    return result;
}

/* Count the descriptors of a message, in whole numbers and within what was given. */
static void take(struct result *result, struct msghdr *seen)
{
    char *last = (char *)seen->msg_control + seen->msg_controllen;
    result->list = memory((size_t)seen->msg_controllen);
    for (struct cmsghdr *head = seen->msg_controllen ? CMSG_FIRSTHDR(seen) : NULL; head;
         head = CMSG_NXTHDR(seen, head)) {
        char *inside = (char *)CMSG_DATA(head), *after = (char *)head + head->cmsg_len;
        result->messages++;
        result->overrun |= after > last;
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        for (after = after < last ? after : last; inside + sizeof(int) <= after;
             inside += sizeof(int))
            memcpy(&result->list[result->fds++], inside, sizeof(int));
    }
}

static struct result do_recv(int sock, size_t size, size_t room, const char *flags)
{
    struct iovec vector = {memory(size), size};
    struct msghdr seen;
    int bits = flags_of(flags);
    memset(&seen, 0, sizeof seen);
    begin("recv");
    ssize_t got;
    do {
        seen.msg_iov = &vector;
        seen.msg_iovlen = 1;
        seen.msg_control = room ? memory(room) : NULL;
        seen.msg_controllen = room;
        got = recvmsg(sock, &seen, bits);
    } while (got < 0 && errno == EINTR);
    int error = got < 0 ? errno : 0;
    struct result result = outcome(error);
    if (!error) {
        result.data = (struct bytes){vector.iov_base, (size_t)got < size ? (size_t)got : size};
        result.count = (long)result.data.size;
        result.ctrunc = !!(seen.msg_flags & MSG_CTRUNC);
        result.trunc = !!(seen.msg_flags & MSG_TRUNC);
        take(&result, &seen);
    }
    char *words = quoted(shown(result.data)), *line = memory(strlen(words) + 192);
    sprintf(line,
            ", \"count\": %ld, \"data\": %s, \"fds\": %ld, \"messages\": %ld, \"ctrunc\": %ld, "
            "\"trunc\": %ld, \"overrun\": %ld",
            result.count, words, result.fds, result.messages, result.ctrunc, result.trunc,
            result.overrun);
    done(error, 0, line);
    return result;
}

static struct result do_drain(int sock)
{
    struct result all = outcome(0);
    int error = 0;
    begin("drain");
    while (!error) {
        struct iovec vector = {memory(65536), 65536};
        struct msghdr seen;
        struct result one = outcome(0);
        memset(&seen, 0, sizeof seen);
        seen.msg_iov = &vector;
        seen.msg_iovlen = 1;
        seen.msg_control = memory(space(64));
        seen.msg_controllen = space(64);
        ssize_t got = recvmsg(sock, &seen, MSG_DONTWAIT);
        error = got < 0 && errno != EINTR ? errno : 0;
        if (got >= 0) {
            take(&one, &seen);
            all.count += got;
            all.fds += one.fds;
            all.ctrunc |= !!(seen.msg_flags & MSG_CTRUNC);
        }
        for (long i = 0; i < one.fds; i++)
            close(one.list[i]);
        free(vector.iov_base);
        free(seen.msg_control);
        if (got == 0 && !one.fds)
            break;
    }
    error = error == EAGAIN || error == EWOULDBLOCK ? 0 : error;
    all.error = error ? error_name(error) : "";
    char line[96];
    sprintf(line, ", \"count\": %ld, \"fds\": %ld, \"ctrunc\": %ld", all.count, all.fds,
            all.ctrunc);
    done(error, 0, line);
    return all;
}

static struct result do_send_to(int sock, const char *path, struct bytes data, struct parts parts)
{
    struct iovec vector = {(void *)data.at, data.size};
    struct msghdr sent = message(&vector, parts);
    socklen_t size;
    sent.msg_name = address(path, &size);
    sent.msg_namelen = size;
    begin("send_to");
    ssize_t gone;
    do {
        gone = sendmsg(sock, &sent, 0);
    } while (gone < 0 && errno == EINTR);
    return counted(gone, gone < 0 ? errno : 0);
}

/* -- messages, byte by byte -- */

enum {
    NOWHERE = 16, /* an address where no program has memory */
    MARK = 0xa5,  /* what buffers are filled with before a receive */
    GUARD = 64    /* bytes behind the room that is told of */
};

static void ignored(int number)
{
    (void)number;
}

/* Fork a process that sends us signals, which do nothing but interrupt, until it is killed. */
static pid_t annoyer(void)
{
    struct sigaction action;
    struct timespec pause = {0, 20000000};
    pid_t us = getpid();
    memset(&action, 0, sizeof action);
    action.sa_handler = ignored;
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = fork();
    while (pid == 0) {
        nanosleep(&pause, NULL);
        if (getppid() != us)
            _exit(HOLDS);
        kill(us, SIGUSR1);
    }
    return pid;
}

/* Call sendmsg or recvmsg as somebody does who has made a mistake, or is interrupted. */
static ssize_t raw_call(int sends, int sock, struct msghdr *message, int flags, const char *how)
{
    ssize_t result;
    int error;
    if (!strcmp(how, "data"))
        message->msg_iov->iov_base = (void *)(size_t)NOWHERE;
    if (!strcmp(how, "control"))
        message->msg_control = (void *)(size_t)NOWHERE;
    pid_t pid = strcmp(how, "interrupted") ? 0 : annoyer();
    do {
        result = sends ? sendmsg(sock, message, flags) : recvmsg(sock, message, flags);
        error = errno;
    } while (result < 0 && error == EINTR && !pid);
    if (pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    errno = error;
    return result;
}

static struct result do_send_oddly(int sock, struct bytes data, struct parts parts, const char *how)
{
    struct iovec vector = {(void *)data.at, data.size};
    struct part one = parts.list[0];
    char *inside = memory(one.inside.size + 2);
    memcpy(inside, one.inside.at, one.inside.size);
    one.inside.at = inside;
    one.inside.size += strcmp(how, "half") ? 0 : 2;
    struct msghdr sent = message(&vector, (struct parts){&one, 1});
    struct cmsghdr *head = CMSG_FIRSTHDR(&sent);
    if (!strcmp(how, "short"))
        head->cmsg_len = 1;
    if (!strcmp(how, "long"))
        head->cmsg_len = sent.msg_controllen + 64;
    begin("send_oddly");
    ssize_t gone = raw_call(1, sock, &sent, 0, how);
    return counted(gone, gone < 0 ? errno : 0);
}

/* Tell whether eight bytes are of the upper half of memory, where kernels are. */
static int looks_like_an_address(const char *at)
{
    unsigned long long number;
    if (sizeof(void *) < 8)
        return 0;
    memcpy(&number, at, sizeof number);
    unsigned long long lower = number & 0xffffffff;
    int small = number >> 32 == 0xffffffff && !(lower >= 0x80000000 && lower < 0xffff0000);
    return number >> 48 == 0xffff && !small;
}

static long changed(const char *from, const char *to, int or_zero)
{
    long found = 0;
    for (; from < to; from++)
        found += (unsigned char)*from != MARK && !(or_zero && !*from);
    return found;
}

/* Look at the control message that begins here, and give where the next one does. */
static size_t look(struct result *result, const char *control, size_t at, size_t told)
{
    struct cmsghdr head;
    memcpy(&head, control + at, sizeof head);
    size_t size = head.cmsg_len > CMSG_LEN(0) ? head.cmsg_len : CMSG_LEN(0);
    size_t first = at + CMSG_LEN(0), last = at + size < told ? at + size : told;
    size_t after = at + CMSG_SPACE(last > first ? last - first : 0);
    after = after < told ? after : told;
    result->messages++;
    if (first < told)
        result->stale += changed(control + at + sizeof head, control + first, 1);
    if (last < after)
        result->stale += changed(control + last, control + after, 1);
    if (head.cmsg_level == SOL_SOCKET && head.cmsg_type == SCM_RIGHTS)
        for (; first + sizeof(int) <= last; first += sizeof(int)) {
            int fd;
            memcpy(&fd, control + first, sizeof fd);
            if (fcntl(fd, F_GETFD) < 0)
                result->unopened++;
            else
                result->list[result->fds++] = fd;
        }
    return after > at ? after : at + 1;
}

/* Receive, and look at every byte that was written. */
static struct result raw_recv(int sock, size_t size, size_t room, const char *flags, const char *how)
{
    struct iovec vector = {memory(size), size};
    struct msghdr seen;
    struct result result = outcome(0);
    int bits = flags_of(flags);
    char *control = memory(room + GUARD), *data = vector.iov_base;
    memset(data, MARK, size);
    memset(control, MARK, room + GUARD);
    memset(&seen, 0, sizeof seen);
    seen.msg_iov = &vector;
    seen.msg_iovlen = 1;
    seen.msg_control = room ? control : NULL;
    seen.msg_controllen = room;
    ssize_t got = raw_call(0, sock, &seen, bits, how);
    int error = got < 0 ? errno : 0;
    if (error)
        result.error = error_name(error);
    else {
        size_t told = seen.msg_controllen < room ? seen.msg_controllen : room, at = 0;
        told = strcmp(how, "control") ? told : 0;
        result.data = (struct bytes){data, (size_t)got < size ? (size_t)got : size};
        result.count = (long)result.data.size;
        result.ctrunc = !!(seen.msg_flags & MSG_CTRUNC);
        result.beyond = changed(data + result.data.size, data + size, 0) +
                        changed(control + told, control + room + GUARD, 0);
        result.list = memory(room);
        while (at + sizeof(struct cmsghdr) <= told)
            at = look(&result, control, at, told);
        for (at = 0; at + 8 <= told; at += 4)
            result.addresses += looks_like_an_address(control + at);
    }
    char *words = quoted(shown(result.data)), *line = memory(strlen(words) + 256);
    sprintf(line,
            ", \"count\": %ld, \"data\": %s, \"fds\": %ld, \"ctrunc\": %ld, \"addresses\": %ld, "
            "\"unopened\": %ld, \"stale\": %ld, \"beyond\": %ld",
            result.count, words, result.fds, result.ctrunc, result.addresses, result.unopened,
            result.stale, result.beyond);
    done(error, 0, line);
    return result;
}

static struct result do_recv_oddly(int sock, size_t size, size_t room, const char *flags,
                                   const char *how)
{
    begin("recv_oddly");
    return raw_recv(sock, size, room, flags, how);
}

static struct result do_inspect(int sock, size_t size, size_t room, const char *flags)
{
    begin("inspect");
    return raw_recv(sock, size, room, flags, "");
}

/* -- flags -- */

static struct result do_nonblocking(int fd)
{
    begin("nonblocking");
    int flags = fcntl(fd, F_GETFL);
    return numbered(!!(flags & O_NONBLOCK), flags < 0 ? errno : 0);
}

static struct result do_set_nonblocking(int fd, int on)
{
    begin("set_nonblocking");
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        flags = fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    return nothing(flags < 0 ? errno : 0);
}

static struct result do_appending(int fd)
{
    begin("appending");
    int flags = fcntl(fd, F_GETFL);
    return numbered(!!(flags & O_APPEND), flags < 0 ? errno : 0);
}

static struct result do_access(int fd)
{
    begin("access");
    int flags = fcntl(fd, F_GETFL), mode = flags & O_ACCMODE;
    struct result result = outcome(flags < 0 ? errno : 0);
    result.text = flags < 0 ? "" : mode == O_RDONLY ? "read" : mode == O_WRONLY ? "write" : "both";
    char line[64];
    sprintf(line, ", \"text\": \"%s\"", result.text);
    done(flags < 0 ? errno : 0, 0, line);
    return result;
}

static struct result do_cloexec(int fd)
{
    begin("cloexec");
    int flags = fcntl(fd, F_GETFD);
    return numbered(!!(flags & FD_CLOEXEC), flags < 0 ? errno : 0);
}

static struct result do_set_cloexec(int fd, int on)
{
    begin("set_cloexec");
    return nothing(fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? errno : 0);
}

static struct result do_setsockopt(int sock, const char *option, int value)
{
    int name = -1;
    begin("setsockopt");
    if (!strcmp(option, "SNDBUF"))
        name = SO_SNDBUF;
    else if (!strcmp(option, "RCVBUF"))
        name = SO_RCVBUF;
#ifdef SO_PASSCRED
    else if (!strcmp(option, "PASSCRED"))
        name = SO_PASSCRED;
#endif
    if (name < 0)
        missing("this system has no SO_", option);
    return nothing(setsockopt(sock, SOL_SOCKET, name, &value, sizeof value) < 0 ? errno : 0);
}

static struct result do_same_file(int one, int other)
{
    struct stat first, second;
    begin("same_file");
    int error = fstat(one, &first) < 0 || fstat(other, &second) < 0 ? errno : 0;
    return numbered(!error && first.st_dev == second.st_dev && first.st_ino == second.st_ino, error);
}

/* -- the table -- */

static struct result do_limit(int number)
{
    struct rlimit limit;
    begin("limit");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)number;
    return nothing(setrlimit(RLIMIT_NOFILE, &limit) < 0 ? errno : 0);
}

static void free_some(int count)
{
    while (count-- > 0 && state.filled_count)
        close(state.filled[--state.filled_count]);
}

static struct result do_fill(int leave)
{
    int fd = 0;
    begin("fill");
    while (state.filled_count < TABLE && (fd = dup(0)) >= 0)
        state.filled[state.filled_count++] = fd;
    int error = fd < 0 && errno != EMFILE ? errno : 0;
    free_some(leave);
    return nothing(error);
}

static struct result do_free(int count)
{
    begin("free");
    free_some(count);
    return nothing(0);
}

static struct result do_table(void)
{
    long found = 0;
    begin("table");
    for (int fd = 0; fd < TABLE; fd++)
        found += fcntl(fd, F_GETFD) >= 0;
    return numbered(found, 0);
}

/* -- processes -- */

/* Go the way of a child that has said its verdict already. */
static void ended(int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == HOLDS)
        return;
    if (code == FAILS || code == MISSING || code == WRONG)
        end(code, NULL, NULL, NULL);
    end(FAILS, "a child was killed", NULL, NULL);
}

static pid_t do_child(int steps)
{
    int status = 0;
    begin("child");
    pid_t pid = fork();
    if (pid == 0) {
        state.process_count = 0;
        return 0;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    ended(status);
    state.step += steps;
    done(0, 0, "");
    return pid;
}

static pid_t do_process(int steps)
{
    int status = 0;
    begin("process");
    pid_t pid = fork();
    if (pid == 0) {
        state.process_count = 0;
        return 0;
    }
    state.processes[state.process_count++] = pid;
    while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    if (!WIFSTOPPED(status)) {
        state.process_count--;
        ended(status);
    }
    state.step += steps;
    done(0, 0, "");
    return pid;
}

static void leave(void)
{
    end(HOLDS, NULL, NULL, NULL);
}

static void stay(void)
{
    kill(getpid(), SIGSTOP);
    _exit(WRONG);
}

static struct result do_kill(pid_t pid)
{
    begin("kill");
    int error = kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) < 0 ? errno : 0;
    for (int i = 0; i < state.process_count; i++)
        if (state.processes[i] == pid)
            state.processes[i] = state.processes[--state.process_count];
    return nothing(error);
}

static struct result do_as_nobody(void)
{
    begin("as_nobody");
    if (geteuid())
        missing("only root can become another user", "");
    if (state.folder[0] && chown(state.folder, 65534, 65534) < 0)
        end(WRONG, "the temporary directory cannot be given away", NULL, NULL);
    return nothing(setgid(65534) < 0 || setuid(65534) < 0 ? errno : 0);
}

static struct result do_unprivileged(void)
{
    uid_t user = (uid_t)(20000 + getpid() % 40000);
    begin("unprivileged");
    if (geteuid())
        return nothing(0);
    if (state.folder[0] && chown(state.folder, user, user) < 0)
        end(WRONG, "the temporary directory cannot be given away", NULL, NULL);
    return nothing(setgid(user) < 0 || setuid(user) < 0 ? errno : 0);
}

static struct result do_sigpipe(void)
{
    begin("sigpipe");
    return nothing(signal(SIGPIPE, SIG_DFL) == SIG_ERR ? errno : 0);
}

/* -- the whole -- */

static void start(int argc, char **argv)
{
    state.pid = getpid();
    if (argc > 1)
        state.seconds = atof(argv[1]);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, hangs);
}
