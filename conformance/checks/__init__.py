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

CONTINUED = ("meanwhile", "ownership", "inheritance")
"""What is too much for one file: these are of the group bidirectional."""

GROUPS = (
    "bidirectional",
    "nonblocking",
    "fifo",
    "status",
    "passers",
    "table",
    "interfaces",
    "windows",
    *PLATFORM,
)

MODULES = (GROUPS[0], *CONTINUED, *GROUPS[1:])
