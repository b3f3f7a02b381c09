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

static int option_of(const char *option)
{
    if (!strcmp(option, "SNDBUF"))
        return SO_SNDBUF;
    if (!strcmp(option, "RCVBUF"))
        return SO_RCVBUF;
    if (!strcmp(option, "KEEPALIVE"))
        return SO_KEEPALIVE;
    if (!strcmp(option, "RCVTIMEO"))
        return SO_RCVTIMEO;
#ifdef SO_PASSCRED
    if (!strcmp(option, "PASSCRED"))
        return SO_PASSCRED;
#endif
    missing("this system has no SO_", option);
    return -1;
}

static struct result do_setsockopt(int sock, const char *option, int value)
{
    begin("setsockopt");
    int name = option_of(option);
    struct timeval time = {value, 0};
    if (!strcmp(option, "RCVTIMEO"))
        return nothing(setsockopt(sock, SOL_SOCKET, name, &time, sizeof time) < 0 ? errno : 0);
    return nothing(setsockopt(sock, SOL_SOCKET, name, &value, sizeof value) < 0 ? errno : 0);
}

static struct result do_getsockopt(int sock, const char *option)
{
    begin("getsockopt");
    int name = option_of(option), value = 0, is_time = !strcmp(option, "RCVTIMEO");
    struct timeval time = {0, 0};
    socklen_t size = is_time ? sizeof time : sizeof value;
    int said = getsockopt(sock, SOL_SOCKET, name, is_time ? (void *)&time : (void *)&value, &size);
    return numbered(is_time ? (long)time.tv_sec : !!value, said < 0 ? errno : 0);
}

static struct result do_same_file(int one, int other)
{
    struct stat first, second;
    begin("same_file");
    int error = fstat(one, &first) < 0 || fstat(other, &second) < 0 ? errno : 0;
    return numbered(!error && first.st_dev == second.st_dev && first.st_ino == second.st_ino, error);
}
