/*
 * connld, fattach() and the open() of an attached path.
 *
 * fattach() puts a listening socket in the place of the pipe's other end, under a name made of the
 * file's. There is nothing in the file system, so the path comes loose with the listener's last
 * close, however that happens.
 */
#include "simulated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * That connld is pushed is kept as the socket's priority, which a Unix socket has no use for: like
 * the name, it is with the end wherever that gets to.
 */
enum { CONNLD = 1 };

static bool is_pushed(int fd)
{
    int priority = 0;
    socklen_t size = sizeof priority;
    return real()->getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, &size) == 0 &&
           priority == CONNLD;
}

static int push(int fd, int priority)
{
    return real()->setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
}

int connld_push(int fd, enum kind kind, const char *module)
{
    if (kind == END && stream_hung_up(fd))
        return fail(ENXIO);
    if (kind == LISTENER || strcmp(module, "connld") != 0)
        return fail(EINVAL);
    return is_pushed(fd) ? fail(ENXIO) : push(fd, CONNLD); /* connopen() */
}

int connld_pop(int fd)
{
    if (stream_hung_up(fd))
        return fail(ENXIO);
    return is_pushed(fd) ? push(fd, 0) : fail(EINVAL);
}

int connld_look(int fd, char *name)
{
    if (!is_pushed(fd))
        return fail(EINVAL);
    strcpy(name, "connld");
    return 0;
}

/* The numbers of this process that mean one thing. */

struct numbers {
    int count;
    int fds[64];
};

static bool is_listener_of(int fd, int other)
{
    (void)fd;
    return kind_of(other) == LISTENER;
}

static bool find(struct numbers *numbers, int fd, bool (*fits)(int, int))
{
    DIR *all = opendir("/proc/self/fd");
    const struct dirent *entry;
    numbers->count = 0;
    while (all && (entry = readdir(all)) != NULL) {
        int other = atoi(entry->d_name);
        if (*entry->d_name != '.' && numbers->count < 64 && fits(fd, other))
            numbers->fds[numbers->count++] = other;
    }
    if (all)
        closedir(all);
    return all;
}

/* Put `with` in the place of all the numbers, and close it. */
static int replace(const struct numbers *numbers, int with)
{
    int result = 0;
    for (int i = 0; i < numbers->count; i++) {
        int fd = numbers->fds[i];
        int cloexec = fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0;
        if (nonblocking(fd))
            fcntl(with, F_SETFL, fcntl(with, F_GETFL) | O_NONBLOCK);
        if (dup3(with, fd, cloexec) < 0)
            result = -1;
    }
    shut(with);
    return result;
}

static int file_at(int directory, const char *path, int flags, struct statx *file)
{
    return statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, file);
}

/* The end `fd`, with connld on it, gets the name `path`. */
int fattach(int fd, const char *path)
{
    struct statx file;
    struct sockaddr_un name;
    struct numbers others;
    if (fcntl(fd, F_GETFD) < 0 || file_at(AT_FDCWD, path, 0, &file) < 0)
        return -1;
    if (kind_of(fd) != END || !is_pushed(fd))
        return fail(EINVAL);
    if (file.stx_uid != geteuid() && geteuid() != 0)
        return fail(EPERM);
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
        return -1;
    socklen_t size = name_of_file(&file, (struct sockaddr *)&name);
    if (!size)
        return fail(EINVAL);
    if (!find(&others, fd, is_other_end))
        return -1;
    if (!others.count)
        return fail(EINVAL);
    int listener = listen_at((struct sockaddr *)&name, size);
    return listener < 0 ? -1 : replace(&others, listener);
}

static bool has_name(int fd, const struct sockaddr_un *wanted, socklen_t length)
{
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    return real()->getsockname(fd, (struct sockaddr *)&name, &size) == 0 && size == length &&
           memcmp(&name, wanted, size) == 0;
}

/* The server's end is hung up then: its other end was the attached one. */
int fdetach(const char *path)
{
    struct statx file;
    struct sockaddr_un name;
    struct numbers listeners;
    int ends[2], count = 0;
    if (file_at(AT_FDCWD, path, 0, &file) < 0)
        return -1;
    socklen_t size = name_of_file(&file, (struct sockaddr *)&name);
    if (!size)
        return fail(EINVAL);
    if (!find(&listeners, -1, is_listener_of))
        return -1;
    for (int i = 0; i < listeners.count; i++)
        if (has_name(listeners.fds[i], &name, size))
            listeners.fds[count++] = listeners.fds[i];
    listeners.count = count;
    if (!count)
        return fail(EINVAL);
    if (stream_pipe(ends) < 0)
        return -1;
    close(ends[1]);
    return replace(&listeners, ends[0]);
}

/* A name that cannot be had is somebody's: nobody notices the question. */
bool is_attached(int directory, const char *path, int flags)
{
    struct statx file;
    struct sockaddr_un name;
    socklen_t size;
    int error = errno;
    bool attached = false;
    if (file_at(directory, path, flags, &file) == 0 &&
        (size = name_of_file(&file, (struct sockaddr *)&name)) != 0) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        attached = probe >= 0 && bind(probe, (struct sockaddr *)&name, size) < 0 &&
                   errno == EADDRINUSE;
        if (probe >= 0)
            close(probe);
    }
    errno = error;
    return attached;
}

/* Once it is connected, only the server's I_RECVFD lets the client go on (fifo_connld()). */
static int meet(int fd, int flags)
{
    if (stream_wait_for_server(fd) < 0)
        return -1;
    if (flags & O_NONBLOCK)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int attached_open(int directory, const char *path, int flags)
{
    struct statx file;
    struct sockaddr_un name;
    int error = errno, follow = flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0, fd = -1, result;
    bool no_stream = (flags & O_ACCMODE) != O_RDWR || flags & (O_DIRECTORY | O_PATH) ||
                     (flags & O_CREAT && flags & O_EXCL);
    socklen_t size = 0;
    if (!no_stream && file_at(directory, path, follow, &file) == 0)
        size = name_of_file(&file, (struct sockaddr *)&name);
    if (size)
        fd = socket(AF_UNIX, SOCK_STREAM | (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0), 0);
    if (fd < 0) {
        errno = error;
        return NOT_ATTACHED;
    }
    if (!mark(fd))
        result = -1;
    else if (connect(fd, (struct sockaddr *)&name, size) == 0)
        result = meet(fd, flags);
    else
        result = errno == ECONNREFUSED ? NOT_ATTACHED : -1;
    if (result == NOT_ATTACHED)
        errno = error;
    if (result < 0)
        shut(fd);
    return result;
}
