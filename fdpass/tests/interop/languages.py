"""Passers of other languages whose wire is a NUL byte for each descriptor, as a passer's is.

Two programs in each, over standard input. A *sender* passes the files that are named. An
*answerer* receives so many sockets, says which each is (device and inode), and answers the question
that is in it: by the same in capitals.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.peers import compiled
from fdpass.tests.interop.programs import needs

_PEERS = Path(__file__).parent / "peers"
_SUFFIX = {"perl": "pl", "ruby": "rb"}

LANGUAGES = [
    pytest.param("perl", marks=needs("IO::FDPass"), id="Perl IO::FDPass"),
    pytest.param("ruby", marks=needs("ruby"), id="Ruby"),
    pytest.param("go", marks=needs("go"), id="Go"),
]


def sender(language: str) -> tuple[str, ...]:
    return _command(language, "sender", "send")


def answerer(language: str) -> tuple[str, ...]:
    return _command(language, "answerer", "answer")


def _command(language: str, script: str, word: str) -> tuple[str, ...]:
    if language == "go":
        return (*compiled.program("interop", str(_PEERS / "go"), "", compiled.go), word)
    return (language, str(_PEERS / f"{script}.{_SUFFIX[language]}"))
