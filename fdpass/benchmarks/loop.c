/* The yardstick: a C loop that sends as many descriptors a message as it is told, and a C loop
 * that receives and closes them. One way, over a stream socketpair, two processes.
 *
 *   cc -O2 -o loop loop.c && ./loop 64 1000000      prints descriptors a second
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 253

static char bytes[MOST];
static union {
    char room[CMSG_SPACE(MOST * sizeof(int))];
    struct cmsghdr align;
} control;

static void send_all(int channel, int fd, int batch, long count)
{
    struct iovec data = {bytes, batch};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room};
    message.msg_controllen = CMSG_SPACE(batch * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(batch * sizeof(int));
    for (int i = 0; i < batch; i++)
        memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(int));
    for (long sent = 0; sent < count; sent += batch)
        if (sendmsg(channel, &message, 0) != batch)
            abort();
}

static void receive_all(int channel, int batch, long count)
{
    for (long got = 0; got < count;) {
        struct iovec data = {bytes, batch};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room};
        message.msg_controllen = sizeof control.room;
        if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) <= 0 || message.msg_flags & MSG_CTRUNC)
            abort();
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        int n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (int i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            close(fd);
        }
        got += n;
    }
}

int main(int argc, char **argv)
{
    int pair[2], batch = argc > 1 ? atoi(argv[1]) : 64;
    long count = (argc > 2 ? atol(argv[2]) : 1000000) / batch * batch;
    int fd = open("/dev/null", O_RDONLY);
    if (fd < 0 || batch < 1 || batch > MOST || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 1;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child == 0) {
        close(pair[1]);
        send_all(pair[0], fd, batch, count);
        _exit(0);
    }
    close(pair[0]);
    receive_all(pair[1], batch, count);
    clock_gettime(CLOCK_MONOTONIC, &end);
    waitpid(child, NULL, 0);
    printf("%.0f\n", count / (end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9));
    return 0;
}
