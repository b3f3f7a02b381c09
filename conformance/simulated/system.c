/* The system's name, the real calls, and the faults: SIMULATED_FAULT=name. */
#include "simulated.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum fault bit;
} FAULTS[] = {
    /* I_RECVFD with a full table says EMFILE, and the message is gone (not so in streamio.c). */
    {"loses-put-back", LOSES_PUT_BACK},
    /* read() throws a passed file away, as streamio.c does under RPROTDIS. */
    {"read-discards", READ_DISCARDS},
    /* msg_accrightslen tells the length that was sent, also of descriptors that did not fit. */
    {"whole-length", WHOLE_LENGTH},
};

static struct real found;
static unsigned faults;

/* For programs that ask what they run on: see the page beside this file. */
const char *simulated_system(void)
{
    return "illumos";
}

static void choose(const char *name)
{
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++)
        if (strcmp(name, FAULTS[i].name) == 0) {
            faults |= FAULTS[i].bit;
            return;
        }
    dprintf(2, "SIMULATED_FAULT: there is no fault named \"%s\"\n", name);
    _exit(78);
}

#define FIND(name) found.name = (__typeof__(found.name))dlsym(RTLD_NEXT, #name)

/* Before main, so that nothing is looked up in the child of a vfork. */
__attribute__((constructor)) static void begin(void)
{
    if (found.read)
        return;
    FIND(write);
    FIND(pipe);
    FIND(poll);
    FIND(ioctl);
    FIND(sendmsg);
    FIND(recvmsg);
    FIND(sendto);
    FIND(recvfrom);
    FIND(getsockname);
    FIND(getpeername);
    FIND(getsockopt);
    FIND(setsockopt);
    FIND(shutdown);
    FIND(read); /* the last: it says that all are there */
    const char *name = getenv("SIMULATED_FAULT");
    if (name && *name)
        choose(name);
}

/* The constructors of other libraries may call before ours has run. */
const struct real *real(void)
{
    if (!found.read)
        begin();
    return &found;
}

bool fault(enum fault one)
{
    return faults & one;
}
