<?php
// The peer program of PHP's socket_sendmsg and socket_recvmsg.
require __DIR__ . '/descriptors.php';
require __DIR__ . '/passing.php';

const ERRNOS = [
    EAGAIN => 'EAGAIN', EBADF => 'EBADF', EMFILE => 'EMFILE', EPIPE => 'EPIPE',
    ENOTSOCK => 'ENOTSOCK', ECONNRESET => 'ECONNRESET',
];

$op['hello'] = function () use (&$op) {
    return [
        'protocol' => 1, 'name' => 'php', 'version' => PHP_VERSION, 'language' => 'PHP ' . PHP_VERSION,
        'pid' => getmypid(), 'backends' => new stdClass, 'survivals' => new stdClass,
        'ops' => array_keys($op),
    ];
};

// The outcome of an operation, as an answer has it; null: there is none.
function outcome(array $it): ?array
{
    global $op;
    if (!isset($op[$it['op']])) {
        return ['unsupported' => ['reason' => 'unknown operation']];
    }
    try {
        $ok = $op[$it['op']]($it);
        return $ok === null ? null : ['ok' => (object) $ok];
    } catch (Refused $e) {
        $error = ['class' => 'usage', 'name' => 'usage'];
    } catch (Failed $e) {
        $error = ['class' => $e->condition === 'os' ? 'os' : 'passer', 'name' => $e->condition];
        if ($e->errno !== null) {
            $error['errno'] = ERRNOS[$e->errno] ?? (string) $e->errno;
        }
    }
    return ['error' => $error + ['message' => $e->getMessage()]];
}

for ($unread = '';;) {
    while (($end = strpos($unread, "\n")) === false) {
        $some = read_some(0, 65536);
        if ($some === '') {
            break 2;
        }
        $unread .= $some;
    }
    $it = json_decode(substr($unread, 0, $end), true, 512, JSON_THROW_ON_ERROR);
    $unread = substr($unread, $end + 1);
    $outcome = outcome($it);
    if ($outcome === null) {
        $unread = '';
        continue;
    }
    $said = json_encode(['id' => $it['id']] + $outcome, JSON_THROW_ON_ERROR) . "\n";
    while ($said !== '') {
        $said = substr($said, call('write', 1, $said, strlen($said)));
    }
}
while (pcntl_wait($status) > 0);
