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
