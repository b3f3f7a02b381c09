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
