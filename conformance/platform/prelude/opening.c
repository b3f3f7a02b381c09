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

/* An address of the loopback interface, of either family. */
union place {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static int bound(int fd, int family, union place *name, socklen_t *size)
{
    *size = family == AF_INET6 ? sizeof name->in6 : sizeof name->in;
    memset(name, 0, sizeof *name);
    name->any.sa_family = (sa_family_t)family;
    if (family == AF_INET6)
        name->in6.sin6_addr = in6addr_loopback;
    else
        name->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(fd, &name->any, *size) < 0 ? -1 : getsockname(fd, &name->any, size);
}

static int connected(int family, int type, int pair[2])
{
    union place one, other;
    socklen_t size;
    int fd = socket(family, type, 0);
    pair[0] = socket(family, type, 0);
    if (fd < 0 || pair[0] < 0 || bound(fd, family, &one, &size) < 0)
        return -1;
    if (type == SOCK_DGRAM) {
        pair[1] = fd;
        if (bound(pair[0], family, &other, &size) < 0 || connect(fd, &other.any, size) < 0)
            return -1;
        return connect(pair[0], &one.any, size);
    }
    if (listen(fd, 1) < 0 || connect(pair[0], &one.any, size) < 0)
        return -1;
    pair[1] = accept(fd, NULL, NULL);
    close(fd);
    return pair[1];
}

static void do_inet(const char *kind, int *one, int *other)
{
    int pair[2];
    begin("inet");
    int family = strcmp(kind, "tcp6") ? AF_INET : AF_INET6;
    both(connected(family, *kind == 't' ? SOCK_STREAM : SOCK_DGRAM, pair), pair, one, other);
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
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), flags = O_RDWR;
    if (fd < 0 || write(fd, content.at, content.size) < 0 || close(fd) < 0)
        return opened(-1, 1);
    if (!strcmp(mode, "read") || !strcmp(mode, "write"))
        flags = *mode == 'r' ? O_RDONLY : O_WRONLY;
    flags |= !strcmp(mode, "append") ? O_APPEND : !strcmp(mode, "sync") ? O_SYNC : 0;
    return opened(open(path, flags), 1);
}

static int do_file_again(void)
{
    begin("file_again");
    return opened(open(state.made[state.made_count - 1], O_RDWR), 1);
}

static int do_event_counter(void)
{
    begin("event_counter");
#ifdef __linux__
    return opened(eventfd(0, 0), 1);
#else
    missing("this program knows no event counter of this system", "");
    return -1;
#endif
}

static int do_memory_file(void)
{
    begin("memory_file");
#ifdef MFD_CLOEXEC
    return opened(memfd_create("fd", 0), 1);
#else
    missing("this system has no memfd_create", "");
    return -1;
#endif
}

static int do_event_queue(int fd)
{
    begin("event_queue");
#ifdef __linux__
    struct epoll_event asked = {EPOLLIN, {.fd = fd}};
    int queue = epoll_create1(0);
    if (queue >= 0 && epoll_ctl(queue, EPOLL_CTL_ADD, fd, &asked) < 0)
        queue = -1;
    return opened(queue, 1);
#else
    (void)fd;
    missing("this system has no epoll", "");
    return -1;
#endif
}

static int do_timer(void)
{
    begin("timer");
#ifdef __linux__
    struct itimerspec soon = {.it_value = {0, 1}};
    struct pollfd one = {.events = POLLIN};
    one.fd = timerfd_create(CLOCK_MONOTONIC, 0);
    if (one.fd < 0 || timerfd_settime(one.fd, 0, &soon, NULL) < 0 || poll(&one, 1, 1000) < 0)
        return opened(-1, 1);
    return opened(one.fd, 1);
#else
    missing("this program knows no timer of this system", "");
    return -1;
#endif
}

static int do_process_descriptor(pid_t process)
{
    begin("process_descriptor");
#ifdef SYS_pidfd_open
    return opened((int)syscall(SYS_pidfd_open, process, 0), 1);
#else
    (void)process;
    missing("this system has no pidfd_open", "");
    return -1;
#endif
}

static int do_path_only(void)
{
    begin("path_only");
#ifdef O_PATH
    return opened(open("/", O_PATH), 1);
#else
    missing("this system has no O_PATH", "");
    return -1;
#endif
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
