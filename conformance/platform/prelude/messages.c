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

/* Others use what a send needs; it may end. */
static int crowded(int error)
{
    return error == ENOBUFS || error == ETOOMANYREFS;
}

/* Tell whether something is to be tried once more, after a while. */
static int again(int *tries)
{
    struct timespec pause = {0, ++*tries * 1000000L};
    if (*tries < TRIES)
        nanosleep(&pause, NULL);
    return *tries < TRIES;
}

static struct result do_send(int sock, struct bytes data, struct parts parts, const char *flags)
{
    struct iovec vector = {(void *)data.at, data.size};
    struct msghdr sent = message(&vector, parts);
    int bits = flags_of(flags);
    begin("send");
    ssize_t gone;
    int tries = 0;
    do {
        gone = sendmsg(sock, &sent, bits);
    } while (gone < 0
             && (errno == EINTR || (!state.may_fail && crowded(errno) && again(&tries))));
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
    int refused = 0;
    while (result.count < 5000 && refused < TRIES) {
        if (sendmsg(sock, &sent, MSG_DONTWAIT) >= 0) {
            result.count++;
            refused = 0;
            result.error = "";
        } else if (errno != EINTR) {
            result.error = error_name(errno);
            /* Full is what is not writable either, and says so three times. */
            struct pollfd there = {sock, POLLOUT, 0};
            int ready = crowded(errno) || (poll(&there, 1, 0) > 0 && there.revents & POLLOUT);
            refused += ready ? 1 : TRIES / 3;
        }
    }
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

/* Receive a part of what waits; 0 at its end, which is the end of file too, -1 with errno. */
static int recv_next(int sock, struct iovec part, int room, struct result *one)
{
    for (int empty = 0; empty < 3;) { /* so often, as EAGAIN may be said too early */
        struct msghdr seen;
        memset(&seen, 0, sizeof seen);
        seen.msg_iov = &part;
        seen.msg_iovlen = 1;
        seen.msg_control = memory(space(room));
        seen.msg_controllen = space(room);
        ssize_t got = recvmsg(sock, &seen, MSG_DONTWAIT);
        int error = errno;
        *one = outcome(0);
        if (got >= 0) {
            take(one, &seen);
            one->count = got;
            one->ctrunc = !!(seen.msg_flags & MSG_CTRUNC);
        }
        free(seen.msg_control);
        errno = error;
        if (got >= 0)
            return got > 0 || one->fds;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            empty++;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

static struct result do_drain(int sock)
{
    struct result all = outcome(0), one;
    struct iovec part = {memory(65536), 65536};
    char first = 0;
    int more;
    begin("drain");
    while ((more = recv_next(sock, part, 64, &one)) > 0) {
        first = all.count || !one.count ? first : *(char *)part.iov_base;
        for (long i = 0; i < one.count; i++)
            all.others += ((char *)part.iov_base)[i] != first;
        all.count += one.count;
        all.fds += one.fds;
        all.ctrunc |= one.ctrunc;
        for (long i = 0; i < one.fds; i++)
            close(one.list[i]);
    }
    int error = more < 0 ? errno : 0;
    all.error = error ? error_name(error) : "";
    char line[128];
    sprintf(line, ", \"count\": %ld, \"fds\": %ld, \"ctrunc\": %ld, \"others\": %ld", all.count,
            all.fds, all.ctrunc, all.others);
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
