/*
 * The lock on the end of a stream: what a reader has looked at is what it takes.
 *
 * It is held while a few calls are made that never wait.
 */
#include "simulated.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void lock_mutex(void)
{
    pthread_mutex_lock(&mutex);
}

static void unlock_mutex(void)
{
    pthread_mutex_unlock(&mutex);
}

static void new_mutex(void)
{
    pthread_mutex_init(&mutex, NULL);
}

__attribute__((constructor)) static void follow_forks(void)
{
    pthread_atfork(lock_mutex, unlock_mutex, new_mutex);
}

/* A record lock is its process's, so it keeps out other processes; the mutex, other threads. */
void lock_end(int fd)
{
    struct flock whole = {.l_type = F_WRLCK};
    lock_mutex();
    for (int tries = 0; fcntl(fd, F_SETLK, &whole) < 0 && (errno == EAGAIN || errno == EACCES);)
        if (++tries < 20)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

void unlock_end(int fd)
{
    struct flock whole = {.l_type = F_UNLCK};
    int error = errno;
    fcntl(fd, F_SETLK, &whole);
    unlock_mutex();
    errno = error;
}
