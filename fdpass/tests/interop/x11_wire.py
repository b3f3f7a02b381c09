"""As much of X11 as it takes to share memory with a server: MIT-SHM 1.2, in both directions.

Source: X Window System Protocol 11; MIT-SHM, the protocol (shmproto.h).
"""

from __future__ import annotations

ATTACH_FD, CREATE_SEGMENT, PUT_IMAGE, GET_IMAGE = 6, 7, 3, 4
