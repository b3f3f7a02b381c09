"""The requirements, a file a promise or more: a written list, in the order of the reports."""

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
    "ownership",
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
