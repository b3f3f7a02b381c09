static void hangs(int number)
{
    char line[96];
    (void)number;
    sprintf(line, "step %d, %.32s, did not come to its end", state.step, state.doing);
    end(FAILS, line, NULL, NULL);
}

static void deadline(double seconds)
{
    struct itimerval timer = {{0, 0}, {0, 0}};
    timer.it_value.tv_sec = (time_t)seconds;
    timer.it_value.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void begin(const char *doing)
{
    state.step++;
    state.doing = doing;
    deadline(state.seconds * (strcmp(doing, "child") ? 1 : 1.5));
}

/* End a step: tell what it gave, as further fields of JSON. */
static void done(int error, int prepares, const char *told)
{
    deadline(0);
    const char *name = error ? error_name(error) : "";
    char *line = memory(128 + strlen(told));
    int may_fail = state.may_fail;
    state.may_fail = 0;
    sprintf(line, "{\"step\": %d, \"do\": \"%s\", \"errno\": \"%s\"%s}\n", state.step, state.doing,
            name, told);
    tell(1, line);
    free(line);
    if (!error || may_fail)
        return;
    line = memory(128);
    sprintf(line, "step %d, %s, failed with %s", state.step, state.doing, name);
    int lacks = error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == ENOSYS;
#ifdef ESOCKTNOSUPPORT
    lacks |= error == ESOCKTNOSUPPORT;
#endif
    lacks |= error == EOPNOTSUPP || error == EPROTOTYPE || error == EADDRNOTAVAIL;
    end(!prepares ? FAILS : lacks ? MISSING : WRONG, line, NULL, NULL);
}

/* Begin what a step gives: its error, and nothing else. */
static struct result outcome(int error)
{
    struct result result;
    memset(&result, 0, sizeof result);
    result.error = error ? error_name(error) : "";
    result.text = "";
    return result;
}

/* End a step that gives a number. */
static struct result numbered(long number, int error)
{
    struct result result = outcome(error);
    char line[64];
    result.number = error ? 0 : number;
    sprintf(line, ", \"number\": %ld", result.number);
    done(error, 0, line);
    return result;
}

/* End a step that gives words. */
static struct result told_in_words(const char *words, int error)
{
    struct result result = outcome(error);
    result.text = error ? "" : words;
    const char *told = quoted(result.text);
    char *line = memory(strlen(told) + 16);
    sprintf(line, ", \"text\": %s", told);
    done(error, 0, line);
    return result;
}

/* End a step that gives a count. */
static struct result counted(long count, int error)
{
    struct result result = outcome(error);
    char line[64];
    result.count = error ? 0 : count;
    sprintf(line, ", \"count\": %ld", result.count);
    done(error, 0, line);
    return result;
}

/* End a step that gives nothing but its error. */
static struct result nothing(int error)
{
    struct result result = outcome(error);
    done(error, 0, "");
    return result;
}

/* End a step that gives a descriptor: it, or -errno. */
static int opened(int fd, int prepares)
{
    int error = fd < 0 ? errno : 0;
    done(error, prepares, "");
    return error ? -error : fd;
}

/* End a step that gives two. */
static void both(int result, const int pair[2], int *one, int *other)
{
    int error = result < 0 ? errno : 0;
    *one = error ? -error : pair[0];
    *other = error ? -error : pair[1];
    done(error, 1, "");
}

/* Name the error in place of a descriptor. */
static const char *errno_of(int fd)
{
    return fd < 0 ? error_name(-fd) : "";
}

static int received(struct result result, long index)
{
    if (index >= result.fds) {
        char *line = memory(128);
        sprintf(line, "after step %d: a descriptor is to be used that did not come", state.step);
        end(FAILS, line, NULL, NULL);
    }
    return result.list[index];
}

static int same_text(const char *one, const char *other)
{
    return !strcmp(one, other);
}

static int same_data(struct bytes one, struct bytes other)
{
    return one.size == other.size && !memcmp(one.at, other.at, one.size);
}

static char *number(const char *name, long value)
{
    char *line = memory(strlen(name) + 32);
    sprintf(line, "%s %ld", name, value);
    return line;
}

static char *text(const char *name, const char *value)
{
    char *line = memory(strlen(name) + strlen(value) + 32);
    sprintf(line, "%s %s", name, *value ? value : "no error");
    return line;
}

static char *data(const char *name, struct bytes value)
{
    char *words = shown(value), *line = memory(strlen(name) + strlen(words) + 2);
    sprintf(line, "%s %s", name, words);
    return line;
}

/* Join what was seen; the list ends with NULL. */
static char *saw(const char *first, ...)
{
    va_list list;
    size_t size = 1;
    va_start(list, first);
    for (const char *one = first; one; one = va_arg(list, const char *))
        size += strlen(one) + 2;
    va_end(list);
    char *line = memory(size);
    va_start(list, first);
    for (const char *one = first; one; one = va_arg(list, const char *)) {
        strcat(line, *line ? ", " : "");
        strcat(line, one);
    }
    va_end(list);
    return line;
}

static void expect(int holds, const char *words, const char *expected, const char *seen)
{
    if (!holds)
        end(FAILS, words, expected, seen);
}

static void need(int holds, const char *words, const char *expected, const char *seen)
{
    if (!holds)
        end(MISSING, words, expected, seen);
}
