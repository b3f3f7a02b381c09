<?php
// The passer: socket_sendmsg and socket_recvmsg with a NUL byte and one descriptor, which PHP has as a
// stream or a socket. What has come as a socket goes on as one.

$passers = []; // sockets, by their names; null: closed

function passer(array $it, string $which = 'passer'): Socket
{
    global $passers;
    if (!array_key_exists($it[$which] ?? '', $passers)) {
        throw new Refused('there is no such passer here');
    }
    return $passers[$it[$which]] ?? throw new Failed('closed', 'it has been dropped');
}

function refusal(): Failed
{
    return Failed::by(socket_last_error()); // socket_recvmsg tells the socket nothing
}

function named(Socket $socket): string
{
    global $passers;
    socket_set_nonblock($socket);
    $name = 's' . count($passers) + 1;
    $passers[$name] = $socket;
    return $name;
}

function unix_socket(): Socket
{
    return @socket_create(AF_UNIX, SOCK_STREAM, 0) ?: throw refusal();
}

function wait_until_readable(Socket $socket, ?float $seconds, string $otherwise): void
{
    [$read, $write, $except] = [[$socket], null, null];
    $whole = $seconds === null ? null : (int) $seconds;
    $ready = @socket_select($read, $write, $except, $whole, (int) (fmod($seconds ?? 0, 1) * 1e6));
    if (!$ready) {
        throw $ready === false ? refusal() : new Failed('timed-out', $otherwise);
    }
}

$op['adopt'] = function ($it) {
    global $held;
    $fd = isset($held[$it['fd']]) ? $it['fd'] : streamed($it['fd']);
    $one = held($fd);
    $socket = $one instanceof Socket ? $one : @socket_import_stream($one);
    unset($held[$fd]); // it is the socket's, or closed with what was no socket
    return ['passer' => named($socket ?: throw Failed::by(ENOTSOCK))];
};

$op['pair'] = function () {
    @socket_create_pair(AF_UNIX, SOCK_STREAM, 0, $pair) or throw refusal();
    return ['passers' => array_map('named', $pair)];
};

$op['listen'] = function ($it) {
    $listener = unix_socket();
    @socket_bind($listener, $it['path']) && socket_listen($listener, 128) or throw refusal();
    return ['listener' => named($listener)];
};

$op['accept'] = function ($it) {
    $listener = passer($it, 'listener');
    wait_until_readable($listener, $it['timeout'] ?? null, 'nobody has connected in time');
    return ['passer' => named(@socket_accept($listener) ?: throw refusal())];
};

$op['connect'] = function ($it) {
    $socket = unix_socket();
    @socket_connect($socket, $it['path']) or throw refusal();
    return ['passer' => named($socket)];
};

$op['drop'] = function ($it) {
    global $passers;
    socket_close(passer($it));
    $passers[$it['passer']] = null;
    return [];
};

$op['send'] = function ($it) {
    $socket = passer($it);
    $rights = ['level' => SOL_SOCKET, 'type' => SCM_RIGHTS, 'data' => [held($it['fd'])]];
    $message = ['iov' => ["\0"], 'control' => [$rights]];
    @socket_sendmsg($socket, $message, MSG_DONTWAIT) !== false or throw refusal();
    if ($it['close'] ?? false) {
        close_fd($it['fd']);
    }
    return [];
};

$op['flush'] = function ($it) {
    passer($it);
    return []; // nothing is ever queued
};

$op['recv'] = function ($it) {
    $socket = passer($it);
    wait_until_readable($socket, $it['timeout'] ?? null, 'nothing has arrived in time');
    return ['fd' => receive($socket)];
};

$op['recv_nowait'] = fn ($it) => ['fd' => receive(passer($it))];

function receive(Socket $socket): int
{
    $numbers = next_numbers(1);
    $message = [
        'buffer_size' => 1, 'controllen' => socket_cmsg_space(SOL_SOCKET, SCM_RIGHTS, 1),
    ];
    $count = @socket_recvmsg($socket, $message, MSG_DONTWAIT);
    if ($count === false) {
        throw refusal();
    }
    if ($count === 0) {
        throw new Failed('peer-closed', 'the stream has ended');
    }
    $received = [];
    foreach ($message['control'] as $one) {
        if ($one['level'] === SOL_SOCKET && $one['type'] === SCM_RIGHTS) {
            array_push($received, ...$one['data']);
        }
    }
    if (count($received) === 1) {
        return hold($numbers[0], $received[0]);
    }
    // What else came is closed with the last that knows of it.
    if (!$received && $message['iov'][0] === "\0") {
        throw new Failed('lost', 'a byte came without its descriptor');
    }
    throw new Failed('not-a-passer', 'what came is not a NUL byte with one descriptor');
}
