"""The requirements, a file a promise: a written list, in the order in which they are reported."""

MODULES = (
    "bidirectional",
    "nonblocking",
    "fifo",
    "status",
    "passers",
    "table",
    "interfaces",
    "windows",
)
