<?php
// What the peer program in PHP does with plain descriptors, and with its table. PHP has streams and
// sockets in place of numbers: each descriptor is one of these, kept under its number, and the calls
// that want a number are the system's own, by FFI. Nothing here passes descriptors.
// See ../../../PROTOCOL.md.

const EAGAIN = 11, EBADF = 9, EMFILE = 24, EPIPE = 32, ENOTSOCK = 88, ECONNRESET = 104;
const FLAGS = [
    'read' => 0, 'write' => 1, 'both' => 2,
    'append' => 02000, 'nonblocking' => 04000, 'create' => 0100, 'directory' => 0200000,
];
const CREATED_CLOSE_ON_EXEC = 02000400, GET_CLOSE_ON_EXEC = 1, GET_FLAGS = 3, SET_FLAGS = 4;
const KINDS = [
    0100000 => 'file', 0040000 => 'directory', 0010000 => 'pipe', 0140000 => 'socket',
    0020000 => 'character device', 0060000 => 'block device',
];
const POLLIN = 1;

// A request that makes no sense.
class Refused extends Exception {}

// An outcome by its name in the protocol.
class Failed extends Exception
{
    public function __construct(public string $condition, string $message, public ?int $errno = null)
    {
        parent::__construct($message);
    }

    public static function by(int $errno): self
    {
        $conditions = [EAGAIN => 'would-block', EPIPE => 'peer-reset', ECONNRESET => 'peer-reset'];
        return new self($conditions[$errno] ?? 'os', posix_strerror($errno), $errno);
    }
}

$libc = FFI::cdef('
    struct pollfd { int fd; short events; short revents; };
    int open(const char *, int, ...); int close(int); int dup(int); int dup2(int, int);
    int fcntl(int, int, ...); long read(int, void *, size_t); long write(int, const void *, size_t);
    long lseek(int, long, int); int poll(struct pollfd *, unsigned long, int);
    int *__errno_location(void);
');
$held = [0 => STDIN, 1 => STDOUT, 2 => STDERR]; // streams and sockets, by number
$filling = [];
$op = [];

// Call the system, which says -1 where it refuses.
function call(string $name, ...$arguments): int
{
    global $libc;
    $answer = $libc->$name(...$arguments);
    if ($answer < 0) {
        throw Failed::by($libc->__errno_location()[0]);
    }
    return $answer;
}

// The numbers that the next descriptors will have, fewer where there are no more slots: PHP does not
// tell the number of what it opens.
function next_numbers(int $count): array
{
    global $libc;
    for ($fds = []; count($fds) < $count && ($fd = $libc->dup(2)) >= 0;) {
        $fds[] = $fd;
    }
    foreach ($fds as $fd) {
        $libc->close($fd);
    }
    return $fds;
}

// Keep what PHP has just opened, under its number.
function hold(int $fd, $opened): int
{
    global $held;
    $held[$fd] = $opened;
    return $fd;
}

// Have a stream of a descriptor, which is taken over: PHP makes one of a duplicate.
function streamed(int $fd): int
{
    call('fcntl', $fd, GET_CLOSE_ON_EXEC);
    $numbers = next_numbers(1);
    $stream = @fopen("php://fd/$fd", 'r+');
    if ($stream === false) {
        throw new Failed('os', error_get_last()['message']);
    }
    call('close', $fd);
    return hold($numbers[0], $stream);
}

// What PHP has of a descriptor: a stream or a socket.
function held(int $fd)
{
    global $held;
    return $held[$fd] ?? throw Failed::by(EBADF);
}

function close_fd(int $fd): void
{
    global $held;
    $one = $held[$fd] ?? null;
    unset($held[$fd]);
    if ($one === null) {
        call('close', $fd); // one that it was given, or none
    } else {
        $one instanceof Socket ? socket_close($one) : fclose($one);
    }
}

function wait_for(int $fd, ?float $seconds, string $otherwise): void
{
    global $libc;
    $one = $libc->new('struct pollfd');
    [$one->fd, $one->events] = [$fd, POLLIN];
    if (!call('poll', FFI::addr($one), 1, $seconds === null ? -1 : (int) ceil($seconds * 1000))) {
        throw new Failed('timed-out', $otherwise);
    }
}

function read_some(int $fd, int $count): string
{
    $room = FFI::new("char[$count]");
    return FFI::string($room, call('read', $fd, $room, $count));
}

$op['open'] = function ($it) {
    $flags = CREATED_CLOSE_ON_EXEC;
    foreach ($it['flags'] as $word) {
        $flags |= FLAGS[$word] ?? throw new Refused("no such flag: $word");
    }
    return ['fd' => streamed(call('open', $it['path'], $flags, 0600))];
};

$op['socketpair'] = function () {
    $numbers = next_numbers(2);
    $pair = @stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    return ['fds' => array_map('hold', $numbers, $pair ?: throw Failed::by(EMFILE))];
};

$op['write'] = function ($it) {
    $data = hex2bin($it['hex']);
    for ($done = 0; $done < strlen($data);) {
        try {
            $done += call('write', $it['fd'], substr($data, $done), strlen($data) - $done);
        } catch (Failed $e) {
            if ($e->errno !== EAGAIN || !$done) {
                throw $e;
            }
            break;
        }
    }
    return ['count' => $done];
};

$op['read'] = function ($it) {
    wait_for($it['fd'], $it['timeout'] ?? null, 'nothing to read in time');
    return ['hex' => bin2hex(read_some($it['fd'], $it['count']))];
};

$op['seek'] = fn ($it) => ['offset' => call('lseek', $it['fd'], $it['offset'], 0)];

$op['close'] = function ($it) {
    close_fd($it['fd']);
    return [];
};

$op['flags'] = function ($it) {
    $flags = call('fcntl', $it['fd'], GET_FLAGS);
    return [
        'nonblocking' => (bool) ($flags & FLAGS['nonblocking']),
        'append' => (bool) ($flags & FLAGS['append']),
        'access' => ['read', 'write', 'both', 'none'][$flags & 3],
        'cloexec' => (bool) call('fcntl', $it['fd'], GET_CLOSE_ON_EXEC),
    ];
};

$op['set_nonblocking'] = function ($it) {
    $others = call('fcntl', $it['fd'], GET_FLAGS) & ~FLAGS['nonblocking'];
    call('fcntl', $it['fd'], SET_FLAGS, $others | ($it['on'] ? FLAGS['nonblocking'] : 0));
    return [];
};

$op['identity'] = function ($it) {
    $one = held($it['fd']);
    $about = fstat($one instanceof Socket ? fopen("php://fd/{$it['fd']}", 'r+') : $one);
    $kind = KINDS[$about['mode'] & 0170000] ?? 'other';
    return ['dev' => $about['dev'], 'ino' => $about['ino'], 'kind' => $kind];
};

// -- the table --

$op['limit'] = function ($it) {
    $most = posix_getrlimit()['hard openfiles'];
    $most = $most === 'unlimited' ? POSIX_RLIMIT_INFINITY : $most;
    if (!posix_setrlimit(POSIX_RLIMIT_NOFILE, $it['descriptors'], $most)) {
        throw Failed::by(posix_get_last_error());
    }
    return [];
};

$op['fill'] = function ($it) {
    global $libc, $filling;
    while (($fd = $libc->dup(2)) >= 0) {
        $filling[] = $fd;
    }
    let_go($it['leave']);
    return ['filled' => count($filling)];
};

$op['free'] = function ($it) {
    global $filling;
    return ['freed' => let_go($it['count'] ?? count($filling))];
};

function let_go(int $count): int
{
    global $filling;
    $freed = $count ? array_splice($filling, -min($count, count($filling))) : [];
    foreach ($freed as $fd) {
        call('close', $fd);
    }
    return count($freed);
}

$op['table'] = function () {
    global $libc;
    $numbers = range(0, posix_getrlimit()['soft openfiles'] - 1);
    $open = fn ($fd) => $libc->fcntl($fd, GET_CLOSE_ON_EXEC) >= 0;
    return ['fds' => array_values(array_filter($numbers, $open))];
};

$op['fork'] = function ($it) {
    $pid = pcntl_fork();
    if ($pid === 0) {
        call('dup2', $it['stdin'], 0);
        call('dup2', $it['stdout'], 1);
    }
    close_fd($it['stdin']);
    close_fd($it['stdout']);
    return $pid === 0 ? null : ['pid' => $pid]; // null: it does not answer this one
};

$op['wait'] = function ($it) {
    $deadline = microtime(true) + $it['timeout'];
    while (!pcntl_waitpid($it['pid'], $status, WNOHANG)) {
        if (microtime(true) > $deadline) {
            throw new Failed('timed-out', 'it has not ended');
        }
        usleep(1000);
    }
    $exited = pcntl_wifexited($status);
    return ['status' => $exited ? pcntl_wexitstatus($status) : -pcntl_wtermsig($status)];
};
