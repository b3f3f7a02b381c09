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

CONTINUED = {
    "bidirectional": ("meanwhile", "ownership", "inheritance"),
    "semantics": ("descriptions", "readiness", "lifetimes"),
}
"""The further files of a group that is too much for one."""

MODULES = tuple(file for group in GROUPS for file in (group, *CONTINUED.get(group, ())))
