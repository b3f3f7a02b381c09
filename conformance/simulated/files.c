/*
 * open() and stat(): a path that is attached is opened through its server, and a stream is a FIFO.
 */
#include "simulated.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

/* The next definition of a function: libc's. Found once in each place that uses it. */
#define REAL(name)                                                                                 \
    ({                                                                                             \
        static __typeof__(&name) found_;                                                           \
        if (!found_)                                                                               \
            found_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                   \
        found_;                                                                                    \
    })

#define MODE(flags)                                                                                \
    ({                                                                                             \
        mode_t mode_ = 0;                                                                          \
        if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                             \
            va_list rest_;                                                                         \
            va_start(rest_, flags);                                                                \
            mode_ = va_arg(rest_, mode_t);                                                         \
            va_end(rest_);                                                                         \
        }                                                                                          \
        mode_;                                                                                     \
    })

int open(const char *path, int flags, ...)
{
    mode_t mode = MODE(flags);
    int fd = attached_open(AT_FDCWD, path, flags);
    return fd == NOT_ATTACHED ? REAL(open)(path, flags, mode) : fd;
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = MODE(flags);
    int fd = attached_open(AT_FDCWD, path, flags);
    return fd == NOT_ATTACHED ? REAL(open64)(path, flags, mode) : fd;
}

int openat(int directory, const char *path, int flags, ...)
{
    mode_t mode = MODE(flags);
    int fd = attached_open(directory, path, flags);
    return fd == NOT_ATTACHED ? REAL(openat)(directory, path, flags, mode) : fd;
}

int openat64(int directory, const char *path, int flags, ...)
{
    mode_t mode = MODE(flags);
    int fd = attached_open(directory, path, flags);
    return fd == NOT_ATTACHED ? REAL(openat64)(directory, path, flags, mode) : fd;
}

/* fifo_getattr(), namevfs.c: nothing but the type is imitated. */
static mode_t as_fifo(mode_t mode)
{
    return (mode & ~(mode_t)S_IFMT) | S_IFIFO;
}

#define STAT_OF_DESCRIPTOR(call)                                                                   \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ == 0 && S_ISSOCK(status->st_mode) && kind_of(fd) != OTHER)                     \
            status->st_mode = as_fifo(status->st_mode);                                            \
        return result_;                                                                            \
    } while (0)

/* Only empty files are asked about: a program looks at many others. */
#define STAT_OF_PATH(call, directory, flags)                                                       \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ == 0 && S_ISREG(status->st_mode) && !status->st_size &&                        \
            is_attached(directory, path, flags))                                                   \
            status->st_mode = as_fifo(status->st_mode);                                            \
        return result_;                                                                            \
    } while (0)

int fstat(int fd, struct stat *status)
{
    STAT_OF_DESCRIPTOR(REAL(fstat)(fd, status));
}

int fstat64(int fd, struct stat64 *status)
{
    STAT_OF_DESCRIPTOR(REAL(fstat64)(fd, status));
}

int stat(const char *path, struct stat *status)
{
    STAT_OF_PATH(REAL(stat)(path, status), AT_FDCWD, 0);
}

int stat64(const char *path, struct stat64 *status)
{
    STAT_OF_PATH(REAL(stat64)(path, status), AT_FDCWD, 0);
}

int lstat(const char *path, struct stat *status)
{
    STAT_OF_PATH(REAL(lstat)(path, status), AT_FDCWD, AT_SYMLINK_NOFOLLOW);
}

int lstat64(const char *path, struct stat64 *status)
{
    STAT_OF_PATH(REAL(lstat64)(path, status), AT_FDCWD, AT_SYMLINK_NOFOLLOW);
}

int fstatat(int directory, const char *path, struct stat *status, int flags)
{
    STAT_OF_PATH(REAL(fstatat)(directory, path, status, flags), directory, flags);
}

int fstatat64(int directory, const char *path, struct stat64 *status, int flags)
{
    STAT_OF_PATH(REAL(fstatat64)(directory, path, status, flags), directory, flags);
}

/* What programs call that were built with glibc before 2.33. */

int __fxstat(int version, int fd, struct stat *status);
int __fxstat(int version, int fd, struct stat *status)
{
    STAT_OF_DESCRIPTOR(REAL(__fxstat)(version, fd, status));
}

int __fxstat64(int version, int fd, struct stat64 *status);
int __fxstat64(int version, int fd, struct stat64 *status)
{
    STAT_OF_DESCRIPTOR(REAL(__fxstat64)(version, fd, status));
}

int __xstat(int version, const char *path, struct stat *status);
int __xstat(int version, const char *path, struct stat *status)
{
    STAT_OF_PATH(REAL(__xstat)(version, path, status), AT_FDCWD, 0);
}

int __xstat64(int version, const char *path, struct stat64 *status);
int __xstat64(int version, const char *path, struct stat64 *status)
{
    STAT_OF_PATH(REAL(__xstat64)(version, path, status), AT_FDCWD, 0);
}
