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

static struct result do_write_soon(int fd, struct bytes data)
{
    struct timespec left = {0, 100000000};
    begin("write_soon");
    pid_t pid = fork();
    if (pid == 0) {
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
            continue;
        while (write(fd, data.at, data.size) < 0 && errno == EINTR)
            continue;
        _exit(0);
    }
    if (pid > 0)
        state.processes[state.process_count++] = pid;
    return nothing(pid < 0 ? errno : 0);
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

static struct result do_flock(int fd)
{
    begin("flock");
#if defined(LOCK_EX) && !defined(_AIX)
    return nothing(flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0);
#else
    missing("this system has no flock of its own", "");
    return nothing(fd);
#endif
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
    int said;
    do {
        said = poll(&one, 1, 0);
    } while (said < 0 && errno == EINTR);
    int error = said < 0 ? errno : one.revents & POLLNVAL ? EBADF : 0;
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

static struct result do_select(int fd)
{
    struct timeval none = {0, 0};
    fd_set readable;
    char line[32];
    begin("select");
    int found;
    do {
        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        found = select(fd + 1, &readable, NULL, NULL, &none);
    } while (found < 0 && errno == EINTR);
    int error = found < 0 ? errno : 0;
    struct result result = outcome(error);
    result.readable = found > 0 && FD_ISSET(fd, &readable);
    sprintf(line, ", \"readable\": %ld", result.readable);
    done(error, 0, line);
    return result;
}

static struct result do_events(int queue)
{
    begin("events");
#ifdef __linux__
    struct epoll_event seen[4];
    int told;
    do {
        told = epoll_wait(queue, seen, 4, 0);
    } while (told < 0 && errno == EINTR);
    return numbered(told, told < 0 ? errno : 0);
#else
    missing("this system has no epoll", "");
    return numbered(queue, 0);
#endif
}

static struct result do_shutdown(int sock, const char *how)
{
    int hows = *how == 'r' ? SHUT_RD : *how == 'w' ? SHUT_WR : SHUT_RDWR;
    begin("shutdown");
    return nothing(shutdown(sock, hows) < 0 ? errno : 0);
}
