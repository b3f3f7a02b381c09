"""Try whether a system, and a passer on it, keep what descriptor passing promises.

The requirements stand in ``checks/``, a file a promise. ``PROTOCOL.md`` says what a peer, the
program under test, has to answer. Importing this package imports nothing else.
"""

__version__ = "0.1.0"
