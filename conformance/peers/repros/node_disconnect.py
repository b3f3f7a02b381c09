"""Node: process.disconnect() after half a line never closes the channel, the peer gone or not.

Expected: the event 'disconnect', and the end of a process that has nothing else to do; the
  documentation: "Closes the IPC channel to the parent process, allowing the child process to exit
  gracefully once there are no other connections keeping it alive".
Seen: disconnect() waits for the rest of the line (channel.buffering in internal/child_process). If
  the peer closes the channel instead of sending it, the program is told ERR_IPC_DISCONNECTED as an
  'error' event, an uncaught exception without a listener; with one, 'disconnect' never comes.
Measured: Node 18.20.4, 20.20.2, on Linux 6.18, Debian 12:
  after half a line: disconnect() waits; then the peer closed: events ['ERR_IPC_DISCONNECTED'],
  it ended with status 0
Run: python node_disconnect.py    (Python, 3.9 or newer, is the peer that sends half a line)
Shown by: python -m conformance run --peer node --check table.byte-without-descriptor
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

PROGRAM = """
process.on('disconnect', () => process.stdout.write('disconnect '));
process.on('error', (error) => process.stdout.write(`${error.code} `));
process.on('message', () => {});
process.send('ready');
setTimeout(() => { process.disconnect(); process._rawDebug('disconnected'); }, 500);
"""

ours, theirs = socket.socketpair()
ours.settimeout(30)
node = subprocess.Popen(
    ["node", "-e", PROGRAM],  # noqa: S607
    pass_fds=[theirs.fileno()],
    env={**os.environ, "NODE_CHANNEL_FD": str(theirs.fileno())},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
)
theirs.close()
ours.recv(100)  # it is ready
ours.sendall(b'{"half')
assert node.stderr is not None
node.stderr.readline()  # it has called disconnect()
try:
    node.communicate(timeout=3)
    waits = False
except subprocess.TimeoutExpired:
    waits = True
ours.close()
try:
    events, _ = node.communicate(timeout=10)
    end = f"it ended with status {node.returncode}"
except subprocess.TimeoutExpired:
    node.kill()
    events, _ = node.communicate()
    end = "it did not end"
print(
    f"after half a line: disconnect() {'waits' if waits else 'closes'}; then the peer closed: "
    f"events {events.split()}, {end}"
)
sys.exit(waits or "disconnect" not in events)
