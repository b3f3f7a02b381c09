<?php
// Over a connection to a path: "send" passes the files that are named, all in one message; "receive"
// takes such a message, says which they are and what came with them, and writes to each.
[, $path, $task] = $argv;
$channel = socket_create(AF_UNIX, SOCK_STREAM, 0);
socket_connect($channel, $path) || exit(1);
if ($task === "send") {
    $files = array_map(fn($name) => fopen($name, "r+"), array_slice($argv, 3));
    $rights = ["level" => SOL_SOCKET, "type" => SCM_RIGHTS, "data" => $files];
    socket_sendmsg($channel, ["iov" => ["all of them"], "control" => [$rights]]) || exit(1);
} else {
    $room = socket_cmsg_space(SOL_SOCKET, SCM_RIGHTS, 100);
    $message = ["name" => [], "buffer_size" => 100, "controllen" => $room];
    socket_recvmsg($channel, $message) || exit(1);
    echo $message["iov"][0], "\n";
    foreach ($message["control"][0]["data"] as $file) {
        $found = fstat($file);
        echo "{$found['dev']} {$found['ino']}\n";
        fwrite($file, "through it");
    }
}
