"""The requirements, a file a promise: a written list, in the order in which they are reported."""

PLATFORM = (
    "semantics",
    "kinds",
    "cycles",
    "ancillary",
    "messages",
    "limits",
    "faults",
    "security",
    "endpoints",
)
"""Those of system calls alone, without a passer."""

MODULES = (
    "bidirectional",
    "meanwhile",
    "owners",
    "inheritance",
    "nonblocking",
    "fifo",
    "status",
    "passers",
    "table",
    "interfaces",
    "windows",
    *PLATFORM,
)
