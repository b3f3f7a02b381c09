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

static struct result do_status_flags(int fd)
{
    begin("status_flags");
    int flags = fcntl(fd, F_GETFL);
    return numbered(flags, flags < 0 ? errno : 0);
}

static struct result do_set_async(int fd)
{
    begin("set_async");
    int flags = -1;
#ifdef O_ASYNC
    flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        flags = fcntl(fd, F_SETFL, flags | O_ASYNC);
#else
    missing("this system has no O_ASYNC", "");
#endif
    return nothing(flags < 0 ? errno : 0);
}

static struct result do_access(int fd)
{
    begin("access");
    int flags = fcntl(fd, F_GETFL), mode = flags & O_ACCMODE;
    const char *told = mode == O_RDONLY ? "read" : mode == O_WRONLY ? "write" : "both";
    return told_in_words(told, flags < 0 ? errno : 0);
}

static struct result do_set_terminal(int fd, int rows, int columns)
{
    struct termios modes;
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    begin("set_terminal");
    int said = tcgetattr(fd, &modes);
    modes.c_lflag &= ~(ICANON | ECHO);
    if (said == 0)
        said = tcsetattr(fd, TCSANOW, &modes);
    if (said == 0)
        said = ioctl(fd, TIOCSWINSZ, &size);
    return nothing(said < 0 ? errno : 0);
}

static struct result do_terminal(int fd)
{
    struct termios modes;
    struct winsize size;
    begin("terminal");
    int said = tcgetattr(fd, &modes) < 0 ? -1 : ioctl(fd, TIOCGWINSZ, &size);
    char *told = memory(32);
    if (said == 0)
        sprintf(told, "%s %dx%d", modes.c_lflag & (ICANON | ECHO) ? "lines" : "raw", size.ws_row,
                size.ws_col);
    return told_in_words(told, said < 0 ? errno : 0);
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
    if (!strcmp(option, "ACCEPTCONN"))
        return SO_ACCEPTCONN;
    if (!strcmp(option, "TYPE"))
        return SO_TYPE;
    if (!strcmp(option, "NODELAY"))
        return TCP_NODELAY;
#ifdef SO_PASSCRED
    if (!strcmp(option, "PASSCRED"))
        return SO_PASSCRED;
#endif
    missing("this system has no SO_", option);
    return -1;
}

static int level_of(const char *option)
{
    return strcmp(option, "NODELAY") ? SOL_SOCKET : IPPROTO_TCP;
}

static struct result do_setsockopt(int sock, const char *option, int value)
{
    begin("setsockopt");
    int name = option_of(option), level = level_of(option);
    struct timeval time = {value, 0};
    if (!strcmp(option, "RCVTIMEO"))
        return nothing(setsockopt(sock, level, name, &time, sizeof time) < 0 ? errno : 0);
    return nothing(setsockopt(sock, level, name, &value, sizeof value) < 0 ? errno : 0);
}

static struct result do_getsockopt(int sock, const char *option)
{
    begin("getsockopt");
    int name = option_of(option), value = 0, is_time = !strcmp(option, "RCVTIMEO");
    struct timeval time = {0, 0};
    socklen_t size = is_time ? sizeof time : sizeof value;
    int level = level_of(option);
    int said = getsockopt(sock, level, name, is_time ? (void *)&time : (void *)&value, &size);
    long told = is_time ? (long)time.tv_sec : !strcmp(option, "TYPE") ? value : !!value;
    return numbered(told, said < 0 ? errno : 0);
}

static struct result do_is_named(int sock, const char *path)
{
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    begin("is_named");
    memset(&name, 0, sizeof name);
    int said = getsockname(sock, (struct sockaddr *)&name, &size);
    int same = !strncmp(name.sun_path, path, sizeof name.sun_path);
    return numbered(said == 0 && same, said < 0 ? errno : 0);
}

static struct result do_same_file(int one, int other)
{
    struct stat first, second;
    begin("same_file");
    int error = fstat(one, &first) < 0 || fstat(other, &second) < 0 ? errno : 0;
    return numbered(!error && first.st_dev == second.st_dev && first.st_ino == second.st_ino, error);
}
