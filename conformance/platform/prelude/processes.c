/* Go the way of a child that has said its verdict already. */
static void ended(int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == HOLDS)
        return;
    if (code == FAILS || code == MISSING || code == WRONG)
        end(code, NULL, NULL, NULL);
    end(FAILS, "a child was killed", NULL, NULL);
}

static pid_t do_child(int steps)
{
    int status = 0;
    begin("child");
    pid_t pid = fork();
    if (pid == 0) {
        state.process_count = 0;
        return 0;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    ended(status);
    state.step += steps;
    done(0, 0, "");
    return pid;
}

static pid_t do_process(int steps)
{
    int status = 0;
    begin("process");
    pid_t pid = fork();
    if (pid == 0) {
        state.process_count = 0;
        return 0;
    }
    state.processes[state.process_count++] = pid;
    while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    if (!WIFSTOPPED(status)) {
        state.process_count--;
        ended(status);
    }
    state.step += steps;
    done(0, 0, "");
    return pid;
}

static void leave(void)
{
    end(HOLDS, NULL, NULL, NULL);
}

static void stay(void)
{
    kill(getpid(), SIGSTOP);
    _exit(WRONG);
}

/* Tell of it first: what is read after the exec is not this program any more. */
static struct result do_become_another(void)
{
    char shell[] = "/bin/sh", option[] = "-c", command[] = "kill -s STOP $$";
    begin("become_another");
    if (access(shell, X_OK) < 0)
        missing("there is no /bin/sh", "");
    struct result result = nothing(0);
    execv(shell, (char *[]){shell, option, command, NULL});
    end(WRONG, "/bin/sh cannot be run", NULL, NULL);
    return result;
}

static struct result do_kill(pid_t pid)
{
    begin("kill");
    int error = kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) < 0 ? errno : 0;
    for (int i = 0; i < state.process_count; i++)
        if (state.processes[i] == pid)
            state.processes[i] = state.processes[--state.process_count];
    return nothing(error);
}

static struct result do_as_nobody(void)
{
    begin("as_nobody");
    if (geteuid())
        missing("only root can become another user", "");
    if (state.folder[0] && chown(state.folder, 65534, 65534) < 0)
        end(WRONG, "the temporary directory cannot be given away", NULL, NULL);
    return nothing(setgid(65534) < 0 || setuid(65534) < 0 ? errno : 0);
}

static struct result do_unprivileged(void)
{
    uid_t user = (uid_t)(20000 + getpid() % 40000);
    begin("unprivileged");
    if (geteuid())
        return nothing(0);
    if (state.folder[0] && chown(state.folder, user, user) < 0)
        end(WRONG, "the temporary directory cannot be given away", NULL, NULL);
    return nothing(setgid(user) < 0 || setuid(user) < 0 ? errno : 0);
}

static struct result do_sigpipe(void)
{
    begin("sigpipe");
    return nothing(signal(SIGPIPE, SIG_DFL) == SIG_ERR ? errno : 0);
}
