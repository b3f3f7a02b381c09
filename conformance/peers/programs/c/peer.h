/* A peer program in C: what its files know of each other. See ../../../PROTOCOL.md. */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>

/* json.c: a request is one line, an object of few fields; an answer is put together here. */
const char *field(const char *name);              /* its value in the request, or NULL */
long number(const char *name);                    /* these three leave by refuse() if it is missing */
const char *text(const char *name);
int truth(const char *name);                      /* 0 if it is missing */
double timeout(void);                             /* seconds; negative: for ever */
int has_word(const char *name, const char *word); /* in a list of words */
int words(const char *name);                      /* how many are in it */
size_t bytes(const char *name, unsigned char *into, size_t most);
void take_request(const char *line);
void answer(const char *format, ...);
const char *quoted(const char *said);

/* The outcomes. fail() and refuse() go back to the loop, like longjmp(3). */
_Noreturn void fail(const char *kind, const char *name, int number, const char *message);
_Noreturn void fail_os(int number);
_Noreturn void refuse(const char *why);
int wait_for(int fd, short event, double seconds);
void keep_nonblocking(int fd, int on);

/* An operation: its name, and what does it. */
struct operation {
    const char *name;
    void (*run)(void);
};
extern const struct operation descriptor_operations[], passing_operations[];
void forget_requests(void);

#endif
