static void start(int argc, char **argv)
{
    state.pid = getpid();
    if (argc > 1)
        state.seconds = atof(argv[1]);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, hangs);
    for (int fd = 3; fd < TABLE; fd++)
        close(fd); /* what we inherited is not ours */
}
