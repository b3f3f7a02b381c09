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

/* Call sendmsg or recvmsg as few do: in pieces, by mistake, or interrupted. */
static ssize_t raw_call(int sends, int sock, struct msghdr *message, int flags, const char *how)
{
    ssize_t result;
    int error;
    struct iovec pieces[3];
    if (!strcmp(how, "pieces")) {
        char *at = message->msg_iov->iov_base;
        pieces[0] = (struct iovec){at, 1};
        pieces[1] = (struct iovec){at + 1, 0};
        pieces[2] = (struct iovec){at + 1, message->msg_iov->iov_len - 1};
        message->msg_iov = pieces;
        message->msg_iovlen = 3;
    }
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
