"""Node: a line that announces a handle ends the process if a regular file comes with it.

Expected: the handle is refused, by NODE_HANDLE_NACK, an error event, or a closed channel; what
  another process sends is no reason to abort. Node itself never sends a file, and its documentation
  does not support channels to programs that are not Node; but such a program need not be a friend.
Seen: an assertion of LibuvStreamWrap::OnUvRead fails and the process aborts; nothing of what
  the program does can prevent or catch that.
Measured: Node 18.20.4, 20.20.2, on Linux 6.18, Debian 12:
  a file as a handle: node ended with status -6: Assertion failed: (type) == (UV_UNKNOWN_HANDLE)
Run: python node_file_handle.py    (Node cannot send a file itself, hence Python, 3.9 or newer)
Shown by: no check, for the suite sends Node no files; text that is not JSON ends it too, by an
  uncaught exception: python -m conformance run --peer node --check table.text-is-refused
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile

PROGRAM = """
process.on('message', () => {});
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', () => process.exit(0));
process.send('ready');
"""
LINE = b'{"cmd":"NODE_HANDLE","type":"net.Native","msg":{}}\n'

ours, theirs = socket.socketpair()
ours.settimeout(30)
with tempfile.TemporaryFile() as file:
    node = subprocess.Popen(
        ["node", "-e", PROGRAM],  # noqa: S607
        pass_fds=[theirs.fileno()],
        env={**os.environ, "NODE_CHANNEL_FD": str(theirs.fileno())},
        stderr=subprocess.PIPE,
        text=True,
    )
    theirs.close()
    ours.recv(100)  # it is ready
    socket.send_fds(ours, [LINE], [file.fileno()])
    ours.shutdown(socket.SHUT_WR)  # without the assertion it ends now, by itself
    _, errors = node.communicate(timeout=30)
failed = [": " + line.lstrip(" #") for line in errors.splitlines() if "ssertion" in line]
print(f"a file as a handle: node ended with status {node.returncode}" + "".join(failed[:1]))
sys.exit(node.returncode < 0)
