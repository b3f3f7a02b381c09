static struct result do_files(int count)
{
    struct result result = outcome(0);
    char line[32];
    begin("files");
    const char *path = place("files");
    result.list = memory((size_t)count * sizeof(int));
    int fd = 0;
    while (result.fds < count && fd >= 0) {
        fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 && unlink(path) == 0)
            result.list[result.fds++] = fd;
    }
    int error = fd < 0 ? errno : 0;
    result.error = error ? error_name(error) : "";
    sprintf(line, ", \"fds\": %ld", result.fds);
    done(error, 1, line);
    return result;
}

/* Send without waiting: 1 if it was taken, 0 if there is no room, -1 on an error. Full is who says
   so three times. */
static int taken(int sock, struct bytes data, struct part part)
{
    struct iovec vector = {(void *)data.at, data.size};
    struct msghdr sent = message(&vector, (struct parts){&part, 1});
    ssize_t gone = -1;
    int error = 0;
    for (int tries = 0; gone < 0 && tries < 3; tries++) {
        gone = sendmsg(sock, &sent, MSG_DONTWAIT);
        error = gone < 0 ? errno : 0;
        if (error == EINTR)
            tries--;
        else if (error && error != EAGAIN && error != EWOULDBLOCK && !crowded(error))
            break;
    }
    free(sent.msg_control);
    errno = error;
    if (gone >= 0)
        return 1;
    return error == EAGAIN || error == EWOULDBLOCK || crowded(error) ? 0 : -1;
}

/* Send every so many-th file, with the byte that stands for it; how many were taken. */
static long send_some(int sock, struct result files, int first, int step)
{
    long sent = 0;
    for (long at = first; at < files.fds; at += step, sent++) {
        char byte = (char)('0' + at);
        int said = taken(sock, (struct bytes){&byte, 1}, rights(files.list + at, 1));
        if (said < 0)
            return -1;
        if (said == 0)
            break;
    }
    return sent;
}

static void write_number(int fd, long number)
{
    char line[32];
    sprintf(line, "%ld\n", number);
    if (write(fd, line, strlen(line)) < 0)
        return; /* it is another file; the right one has no number then */
}

/* Receive all that waits, a byte at a time, and number what comes. */
static int recv_some(int sock, struct result *result)
{
    struct result one;
    int more = 1;
    char *bytes = memory(256);
    *result = outcome(0);
    result->list = memory(1024 * sizeof(int));
    result->data.at = bytes;
    while (result->count < 255) {
        more = recv_next(sock, (struct iovec){bytes + result->count, 1}, 16, &one);
        if (more <= 0)
            break;
        for (long i = 0; i < one.fds && result->fds < 1024; i++) {
            result->list[result->fds++] = one.list[i];
            write_number(one.list[i], one.count ? (unsigned char)bytes[result->count] - '0' : -1);
            close(one.list[i]);
        }
        result->data.size = (size_t)(result->count += one.count);
    }
    int error = more < 0 ? errno : 0;
    result->error = error ? error_name(error) : "";
    return error;
}

static struct result do_send_each(int sock, struct result files)
{
    struct result result = outcome(0);
    begin("send_each");
    long sent = send_some(sock, files, 0, 1);
    int error = sent < 0 ? errno : 0;
    result.error = error ? error_name(error) : "";
    result.count = error ? 0 : sent;
    char *bytes = memory((size_t)result.count), line[512];
    for (long at = 0; at < result.count; at++)
        bytes[at] = (char)('0' + at);
    result.data = (struct bytes){bytes, (size_t)result.count};
    sprintf(line, ", \"count\": %ld, \"data\": %s", result.count, quoted(shown(result.data)));
    done(error, 0, line);
    return result;
}

static struct result do_recv_each(int sock)
{
    struct result result;
    char line[512];
    begin("recv_each");
    int error = recv_some(sock, &result);
    sprintf(line, ", \"count\": %ld, \"data\": %s, \"fds\": %ld", result.count,
            quoted(shown(result.data)), result.fds);
    done(error, 0, line);
    return result;
}

struct gate { /* behind which processes wait for one another */
    int told[2], opened[2];
    int processes;
    pid_t pids[8];
};

static void tell_byte(int fd, long number)
{
    char byte = (char)number;
    while (write(fd, &byte, 1) < 0 && errno == EINTR)
        continue;
}

/* Fork so many processes: in each its number, once all are there; in the parent -1. */
static int gate_enter(struct gate *gate, int processes)
{
    char byte = 0;
    gate->processes = processes;
    if (pipe(gate->told) < 0 || pipe(gate->opened) < 0)
        end(WRONG, "no pipe", NULL, NULL);
    for (int number = 0; number < processes; number++) {
        gate->pids[number] = fork();
        if (gate->pids[number] == 0) {
            state.process_count = 0;
            close(gate->opened[1]);
            tell_byte(gate->told[1], 0);
            while (read(gate->opened[0], &byte, 1) < 0 && errno == EINTR)
                continue; /* until nobody can open the gate any more */
            return number;
        }
        state.processes[state.process_count++] = gate->pids[number];
    }
    close(gate->told[1]);
    for (int number = 0; number < processes; number++)
        while (read(gate->told[0], &byte, 1) < 0 && errno == EINTR)
            continue;
    close(gate->opened[1]);
    return -1;
}

/* A process has done its part. */
static void gate_leave(struct gate *gate, long done)
{
    tell_byte(gate->told[1], done);
    _exit(HOLDS);
}

/* Wait for all of them; add up what they did. */
static long gate_wait(struct gate *gate)
{
    long all = 0;
    int status = 0;
    unsigned char byte = 0;
    for (int number = 0; number < gate->processes; number++) {
        while (waitpid(gate->pids[number], &status, 0) < 0 && errno == EINTR)
            continue;
        for (int i = 0; i < state.process_count; i++)
            if (state.processes[i] == gate->pids[number])
                state.processes[i] = state.processes[--state.process_count];
        ended(status);
    }
    for (ssize_t got; (got = read(gate->told[0], &byte, 1)) != 0;)
        all += got > 0 ? byte : 0;
    close(gate->told[0]);
    close(gate->opened[0]);
    return all;
}

struct work { /* of a thread */
    int sock, sends, first, step;
    struct result files;
    long done;
};

static void *work_on(void *given)
{
    struct work *work = given;
    struct result result;
    if (work->sends)
        work->done = send_some(work->sock, work->files, work->first, work->step);
    else if (!recv_some(work->sock, &result))
        work->done = result.fds;
    return NULL;
}

/* Let so many threads work, of which this one is the first; add up what they did. */
static long by_threads(struct work work, int threads)
{
    struct work works[8];
    pthread_t ids[8];
    long all = 0;
    for (int i = 0; i < threads; i++) {
        works[i] = work;
        works[i].first += i * (work.step / threads);
    }
    for (int i = 1; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work_on, &works[i]))
            end(WRONG, "no thread", NULL, NULL);
    work_on(&works[0]);
    for (int i = 0; i < threads; i++) {
        if (i)
            pthread_join(ids[i], NULL);
        all += works[i].done > 0 ? works[i].done : 0;
    }
    return all;
}

static struct result do_recv_by(int sock, int processes, int threads)
{
    struct gate gate;
    begin("recv_by");
    if (gate_enter(&gate, processes) >= 0)
        gate_leave(&gate, by_threads((struct work){.sock = sock}, threads));
    return counted(gate_wait(&gate), 0);
}

static struct result do_send_by(int sock, struct result files, int processes, int threads)
{
    struct gate gate;
    begin("send_by");
    int number = gate_enter(&gate, processes);
    if (number >= 0)
        gate_leave(&gate, by_threads((struct work){sock, 1, number, processes * threads, files, 0},
                                     threads));
    return counted(gate_wait(&gate), 0);
}

static struct result do_send_most(int sock, struct result files)
{
    long count = files.fds;
    begin("send_most");
    while (count && taken(sock, DATA("x"), rights(files.list, (size_t)count)) != 1)
        count--;
    return counted(count, 0);
}

static struct result do_number_each(struct result came)
{
    begin("number_each");
    for (long at = 0; at < came.fds; at++)
        write_number(came.list[at], at);
    return nothing(0);
}

static struct result do_unlike(struct result files, long count)
{
    char *text = memory(4 * 256), own[32], seen[65];
    int wrong = 0;
    begin("unlike");
    for (long at = 0; at < count && at < files.fds && wrong < 4; at++) {
        ssize_t got = pread(files.list[at], seen, sizeof seen - 1, 0);
        seen[got > 0 ? got : 0] = '\0';
        sprintf(own, "%ld\n", at);
        if (!strcmp(seen, own))
            continue;
        sprintf(text + strlen(text), "%sfile %ld came as %s", wrong++ ? "; " : "", at,
                *seen ? "" : "nothing");
        for (char *one = strtok(seen, "\n"), *first = one; one; one = strtok(NULL, "\n"))
            sprintf(text + strlen(text), "%s%s", one == first ? "" : " and ", one);
    }
    return told_in_words(wrong ? text : "none", 0);
}
