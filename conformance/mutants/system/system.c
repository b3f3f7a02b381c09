/*
 * The table of faulty and of odd systems, and the choice by the variable FAULTY_SYSTEM.
 *
 * FAULTY_SYSTEM=name[,name...]. The word "to-self" among the names spoils also what a process
 * passes to itself; without it a faulty system leaves that alone, so that a program which tries an
 * interface out on a pair of its own finds it in order, and the fault shows where it matters.
 */
#include "system.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct fault FAULTS[] = {
    /* The blocking status. */
    /* Go's File().Fd() clears it on the shared description (golang/go 29277). */
    {"clears-nonblock", .deliver = clear_nonblock},
    /* libuv sets it on every descriptor it receives. */
    {"sets-nonblock", .deliver = set_nonblock},
    /* What the seeds' non_blocking_fhs.t is there to catch. */
    {"fork-clears-nonblock", .quirks = FORK_CLEARS},
    /* Receivers that set the flags with F_SETFL instead of adding to them. */
    {"clears-append", .deliver = clear_append},

    /* The order. */
    /* A receive that runs on into the next message (XSH 2.10.11 forbids it). */
    {"swaps-messages", .deliver = swap_messages},
    {"stacks-messages", .deliver = stack_messages},
    {"reverses-arrays", .deliver = reverse_array},
    /* libuv 2086: after a partial write the descriptor was attached again. */
    {"sends-twice", .sent = deny_sent},

    /* The identity. */
    /* PHP 8.0 to 8.5 passed descriptor 0 in place of a socket (php-src 22338). */
    {"null-device", .deliver = give_null},
    /* What /proc/self/fd does, and a broker that opens by name. */
    {"reopens", .deliver = give_reopened},
    {"read-only", .deliver = give_read_only},
    /* WSL1 delivers a descriptor again with the next read (microsoft/WSL 6490). */
    {"repeats", .deliver = repeat_messages},

    /* Leaks. */
    /* macOS installs descriptors whose numbers nobody learns (CPython 80931, FB1354223). */
    {"leaks-received", .deliver = leak},
    {"leaks-once", .deliver = leak_once},
    /* DragonOS 2288: hidden descriptors after a receive that was cut. */
    {"leaks-when-full", .deliver = leak_when_full},
    {"leaks-sent", .sent = leak_sent},
    /* FreeBSD's unix_passfd_test send_overflow looks for this one. */
    {"leaks-refused", .sent = leak_refused},
    /* bun 37427: the room that padding leaves is filled too. */
    {"surplus", .deliver = add_surplus},

    /* Loss. */
    /* unix(7): what does not fit is closed; and gVisor gives no MSG_CTRUNC. */
    {"drops-when-full", .loses = no_slot},
    {"stuck-after-full", .deliver = get_stuck},
    {"drops-fiftieth", .deliver = drop_fiftieth},
    /* Windows: the source process must still be there (IO::FDPass, DuplicateHandle). */
    {"drops-at-close", .loses = sender_gone},
    {"drops-replies", .loses = reply},
    {"drops-in-collision", .loses = collision},
    /* Twisted and Ruby find the bytes first and the descriptor with later ones. */
    {"late-descriptor", .deliver = deliver_late},
    /* XNU drops a datagram where the receiver's queue is full (uipc_send). */
    {"drops-when-channel-full", .sent = claim_sent},

    /* Waiting. */
    {"send-blocks", .quirks = SEND_BLOCKS},
    {"receive-blocks", .quirks = RECEIVE_BLOCKS},
    /* MSG_DONTWAIT is not in POSIX before Issue 8. */
    {"ignores-dontwait", .quirks = IGNORES_DONTWAIT},
    /* An edge-triggered poller that takes a short read for the end (Kenton Varda's gist). */
    {"late-readiness", .quirks = LATE_READINESS},
    /* OpenBSD counts descriptors in flight and says EMFILE (unp_internalize). */
    {"send-needs-slot", .refuses = no_slot_to_send},

    /* Passers over passers. */
    {"toggles-passed-sockets", .deliver = toggle_sockets},
    {"mutes-passed-sockets", .deliver = mute_received, .refuses = mute_sent},
    /* Linux before 6.10 allows four deep, then ETOOMANYREFS. */
    {"one-deep", .deliver = drop_nested},

    /* Close-on-exec. */
    {"forgets-cloexec", .deliver = clear_cloexec},
    /* dart-lang/sdk 63653. */
    {"cloexec-first-only", .deliver = clear_later_cloexec},

    /* In flight. */
    /* macOS, close soon after send (node-v0.x 7512, libuv 2476). */
    {"not-held-in-flight", .deliver = give_dead, .sent = remember_sent, .quirks = CLOSE_KILLS},

    /* For the checks of the platform, whose mutants show them. */
    /* Descriptor flags travel with nobody: FreeBSD's unix(4) has to say so. */
    {"passes-cloexec", .deliver = set_cloexec},
    /* No system is known to: the flags of a table stand in words of 64 bits. */
    {"cloexec-low-only", .deliver = clear_high_cloexec},
    /* No system is known to: programs do, which clear it on what a child is to have. */
    {"send-clears-cloexec", .refuses = clear_sent_cloexec},
    /* No system is known to: programs do, which set O_NONBLOCK where MSG_DONTWAIT lacks. */
    {"dontwait-stays", .sent = keep_dontwait},
    /* No system is known to: it is what fd_set has room for. */
    {"select-numbers", .deliver = drop_high},
    /* No system is known to: it is what a proxy does that keeps one socket for both. */
    {"shuts-when-closed", .deliver = note_received, .wrongs = CLOSE_SHUTS},
    /* No system is known to: it is what a fork that copies descriptors one by one forgets. */
    {"fork-clears-cloexec", .deliver = note_received, .wrongs = FORK_CLEARS_CLOEXEC},
    /* No system is known to: it is what "a duplicate" in FreeBSD's unix(4) excludes. */
    {"old-number", .deliver = give_old_number},
    /* WSL1 gives a descriptor again with each part of its message (microsoft/WSL 6490). */
    {"gives-again", .deliver = remember_received, .plain = give_last_again},
    /* As gVisor does in a read, and Linux with plain bytes and the message behind them. */
    {"joins-messages", .quirks = JOINS_MESSAGES},
    /* As XNU's source reads (soreceive_ctl): it is installed before anybody asks for room. */
    {"installs-unseen", .quirks = INSTALLS_UNSEEN},
    /* gVisor, where the sending end stays open: the check semantics.receiver-closes. */
    {"keeps-unread", .quirks = KEEPS_UNREAD},
    /* A count of references alone, as gVisor has: the checks cycles.*. */
    {"keeps-cycles", .quirks = KEEPS_CYCLES},
    /* What the lock prevents that Linux holds during a receive (unix_stream_read_generic). */
    {"receive-races", .quirks = RECEIVE_RACES},
    /* No system is known to: programs do, which wrap sendmsg and build its control data in place. */
    {"sends-mix", .quirks = SENDS_MIX},
    /* No system is known to: select and poll are two ways to the same question. */
    {"blind-select", .quirks = BLIND_SELECT},
    /* The same of the third way. */
    {"blind-queue", .wrongs = BLIND_QUEUE},
    /* Who looks at POLLHUP first, and then no further. */
    {"hangup-hides", .wrongs = HANGUP_HIDES},
    /* No system is known to: a shim that asks for room elsewhere than in the socket would. */
    {"says-writable", .wrongs = SAYS_WRITABLE},
    /* No system is known to: a proxy of sockets that keeps the real ones would. */
    {"forgets-names", .wrongs = FORGETS_NAMES},
    {"shuts-nothing", .wrongs = SHUTS_NOTHING},
    {"forgets-types", .wrongs = FORGETS_TYPES},
    /* No system is known to: a proxy would, which waits elsewhere than in the call. */
    {"never-waits", .deliver = note_received, .wrongs = NEVER_WAITS},
    /* No system is known to: what an emulator does that starts programs by itself. */
    {"exec-clears-nonblock", .wrongs = EXEC_CLEARS},
    {"exec-closes-all", .deliver = note_received, .wrongs = EXEC_CLOSES},
    {"exec-keeps-all", .deliver = note_received, .wrongs = EXEC_KEEPS},
    /* Who copies a message between two memories, and takes it for one page. */
    {"spoils-pages", .deliver = spoil_pages, .plain = spoil_pages},
    /* As MSG_CMSG_CLOFORK has it, unasked. */
    {"fork-closes", .deliver = note_received, .wrongs = FORK_CLOSES},
    /* What no short test shows. */
    {"leaks-hundredth", .deliver = leak_hundredth},
    /* A receiver that sets the flags it knows, and no others. */
    {"clears-async", .deliver = clear_async},
    /* No system is known to: it is what a socket would have that was made anew. */
    {"resets-options", .deliver = reset_options},
    /* No system is known to: it is how getty(8) and login leave a terminal to the next user. */
    {"resets-terminal", .deliver = reset_terminal},
    /* A close that is put off: the locks of a file are still held after it. */
    {"ignores-close", .deliver = note_received, .quirks = IGNORES_CLOSE},
    /* The search for unreachable sockets empties a live one (CVE-2021-0920). */
    {"empties-passed-sockets", .deliver = empty_sockets},
    /* No system is known to: it is how brokers keep descriptors, one for each file. */
    {"numbers-once", .deliver = number_once},
    /* No system is known to: programs do, which take 0 for "none". */
    {"forgets-zero", .deliver = forget_zero},
    /* macOS installs them all, and then cuts the message (bun 37427, CPython 80931). */
    {"leaks-when-cut", .deliver = leak_when_cut},
    /* macOS leaves cmsg_len as it was (rustix 1683). */
    {"overstates-length", .deliver = overstate},
    {"cries-truncation", .deliver = cry_cut},
    {"stays-truncated", .deliver = stay_cut},
    /* Credentials come too, and who looks for descriptors finds these (pesign 69). */
    {"drops-beside-others", .deliver = lose_beside},
    /* Who wraps the calls, and copies one buffer of the message. */
    {"drops-gathered", .refuses = lose_gathered},
    {"drops-scattered", .deliver = lose_scattered},
    {"drops-with-cut-data", .deliver = lose_with_cut_data},
    /* As Linux does on streams: unix(7), at least one byte of real data. */
    {"drops-without-bytes", .deliver = lose_without_bytes},
    {"takes-by-look", .deliver = take_by_look},
    {"spares-a-slot", .deliver = spare_a_slot},
    /* What FreeBSD's unix_passfd_test, send_a_lot, is there to catch. */
    {"ignores-limit", .quirks = IGNORES_LIMIT},
    /* NetBSD, OpenBSD and DragonFly deliver those of one control message (CPython 154239). */
    {"first-control-message", .refuses = send_first_part},
    {"drops-in-short-sends", .refuses = send_without_rights},
    {"cuts-large-arrays", .refuses = send_first_many},
    {"keeps-refused", .sent = keep_refused},
    {"claims-refused", .sent = claim_refused},
    /* Linux counts the descriptors of a user in flight since 4.5: here it never counts down. */
    {"counts-for-ever", .deliver = land, .refuses = count_in_flight, .sent = take_off},

    /* What is refused, and what is nobody's business. */
    /* A cast of -1 to an index, and a loop that goes on: PHP passed descriptor 0 (php-src 22338). */
    {"skips-closed", .refuses = skip_closed},
    /* As Linux treats control data on TCP, and where the level is unknown. */
    {"takes-malformed", .wrongs = TAKES_MALFORMED},
    /* A length that counts the padding sends descriptor 0 too (mozilla/audioipc 9). */
    {"rounds-up", .refuses = round_up},
    /* Systems before POSIX.1-2008, which have no MSG_NOSIGNAL. */
    {"raises-sigpipe", .refuses = raise_sigpipe},
    {"mutes-addressed", .refuses = mute_addressed},
    /* NetBSD's uipc_usrreq.c refuses them so that none is forged. */
    {"believes-credentials", .refuses = believe_credentials},
    /* What FreeBSD's unix_passfd_test, copyout_rights_error, is there to catch. */
    {"installs-nowhere", .wrongs = INSTALLS_NOWHERE},
    {"loses-after-signal", .loses = interrupted_before, .wrongs = LOSES_AFTER_SIGNAL},
    /* /proc/self/fd gives what its user may open, not what was passed. */
    {"read-write", .deliver = give_read_write},
    /* OpenBSD and NetBSD do so for directories outside of a chroot. */
    {"checks-again", .deliver = check_again},
    /* macOS gives numbers beyond those it has installed (rustix 1683). */
    {"phantom", .deliver = add_phantom},
    /* A buffer that was not cleared before it was copied out. */
    {"dirty-padding", .wrongs = DIRTY_PADDING},
    {"writes-beyond", .wrongs = WRITES_BEYOND},

    /* Endpoints. */
    /* Servers that unlink before they bind, whoever listens there. */
    {"binds-over", .wrongs = BINDS_OVER},
    /* strncpy into sun_path: another path than was asked for. */
    {"cuts-paths", .wrongs = CUTS_PATHS},
    {"short-paths", .wrongs = SHORT_PATHS},
    {"connects-to-nobody", .wrongs = CONNECTS_TO_NOBODY},
    {"waits-anyway", .wrongs = WAITS_ANYWAY},
    {"accepts-last", .wrongs = ACCEPTS_LAST},
    {"accepts-once", .wrongs = ACCEPTS_ONCE},
    {"unready-listeners", .wrongs = UNREADY_LISTENERS},
    /* An attached stream comes loose when its server goes (fattach). */
    {"dies-with-listener", .wrongs = DIES_WITH_LISTENER},
    {"loses-early", .loses = sent_early, .wrongs = NOTES_EARLY},

    /* Odd and correct: a passer has to live with all of these. */
    {"interrupts", .always = true, .quirks = INTERRUPTS},
    {"short-writes", .always = true, .quirks = SHORT_WRITES},
    {"short-reads", .always = true, .quirks = SHORT_READS},
    {"spurious-eagain", .always = true, .quirks = SPURIOUS_EAGAIN},
    /* select(2), BUGS: readable, and then the read blocks. */
    {"spurious-readiness", .always = true, .quirks = SPURIOUS_READINESS},
    {"tiny-buffers", .always = true, .quirks = TINY_BUFFERS},
    {"slow", .always = true, .quirks = SLOW},
    /* FreeBSD and macOS answer so where Linux says EAGAIN. */
    {"no-buffers", .always = true, .refuses = no_buffers},
    /* Linux 4.5 and later: the user's descriptors in flight are counted. */
    {"too-many-references", .always = true, .refuses = too_many_references},
    {"high-numbers", .always = true, .deliver = move_high},
    /* pesign 69, weechat 790: the first control message is not the descriptor. */
    {"credentials-first", .always = true, .quirks = CREDENTIALS},
    /* gVisor and qemu-user: a full table, and no MSG_CTRUNC. */
    {"hides-truncation", .always = true, .deliver = hide_truncation},
    /* macOS: a peek shows zeros (XNU tests/scm_rights_leak.c), no MSG_CMSG_CLOEXEC. */
    {"no-peek", .always = true, .quirks = PEEK_ZEROS | NO_CLOEXEC},
    /* XSH recvmsg, EOPNOTSUPP: the flags are not supported for this socket type. */
    {"refuses-peek", .always = true, .quirks = REFUSES_PEEK},
    /* FreeBSD, NetBSD: a peek shows kernel pointers, a full table is EMSGSIZE. */
    {"bsd-like", .always = true, .quirks = PEEK_POINTERS, .deliver = refuse_when_full},
    /* macOS 15, AIX 7.3, Solaris 10 (gnulib's notes on sys/socket.h). */
    {"no-cloexec", .always = true, .quirks = NO_CLOEXEC},
    /* BSD's accept(2); Linux and HP-UX do not. */
    {"accept-inherits", .always = true, .quirks = INHERITS_NONBLOCK},
    {"storm", .always = true, .quirks = INTERRUPTS | SHORT_WRITES | SPURIOUS_EAGAIN},
};

enum { KNOWN = sizeof FAULTS / sizeof *FAULTS };

const struct fault *chosen[KNOWN + 1];
bool active, even_own;

static unsigned quirks, wrongs;
static pid_t owner;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void complain(const char *name)
{
    dprintf(2, "FAULTY_SYSTEM: there is no system named \"%s\"; known:", name);
    for (int i = 0; i < KNOWN; i++)
        dprintf(2, " %s", FAULTS[i].name);
    dprintf(2, "\n");
    _exit(78);
}

static void choose(const char *name)
{
    static int count;
    if (strcmp(name, "to-self") == 0) {
        even_own = true;
        return;
    }
    for (int i = 0; i < KNOWN; i++)
        if (strcmp(name, FAULTS[i].name) == 0) {
            if (count < KNOWN)
                chosen[count++] = &FAULTS[i];
            quirks |= FAULTS[i].quirks;
            wrongs |= FAULTS[i].wrongs;
            return;
        }
    complain(name);
}

__attribute__((constructor)) static void start(void)
{
    const char *names = getenv("FAULTY_SYSTEM");
    if (!names || !*names)
        return;
    char *list = strdup(names), *rest = list, *name;
    while (list && (name = strsep(&rest, ",")))
        choose(name);
    free(list);
    new_owner();
    active = true;
}

bool quirk(enum quirk one)
{
    return quirks & one;
}

bool wrong(enum wrong one)
{
    return wrongs & one;
}

/* Whether it is this oddity's turn: on every so many-th asking in this process. */
bool turn(enum quirk one, unsigned every)
{
    static atomic_uint asked[32];
    if (!quirk(one))
        return false;
    return atomic_fetch_add(&asked[__builtin_ctz(one)], 1) % every == every - 1;
}

void lock(void)
{
    pthread_mutex_lock(&mutex);
}

void unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

/* A child of vfork runs in its parent's memory: it must not touch what is remembered there. */
bool is_owner(void)
{
    return getpid() == owner;
}

void new_owner(void)
{
    owner = getpid();
}
