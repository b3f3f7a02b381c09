"""Platform checks as scripts: what is recorded, and how it is written in either language."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest

from conformance.platform import program
from conformance.platform.script import record
from conformance.platform.steps import Block, Step, length, operations, space
from conformance.requirement import must

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.platform.script import Script

    Check = Callable[[Script], None]
    Write = Callable[[Any, Check], str]

_BOTH = pytest.mark.parametrize("write", [program.python, program.c])


def mark(check: Check) -> Any:
    """Give a check the requirement of some other."""
    check.__doc__ = check.__doc__ or "What holds."
    mark = must("semantics.some", "a source", subject="platform", endangers=("fifo",))
    return mark(check).requirement  # type: ignore[attr-defined]


def written(check: Check, write: Write) -> str:
    return write(mark(check), check)


# -- recording


def test_a_step_has_the_name_that_the_check_gives_to_its_result() -> None:
    def check(s: Script) -> None:
        a, _ = s.socketpair()
        came = s.recv(
            a,
            1,
        )
        s.expect(came.fds, 1, "none came")
        with s.process() as other:
            s.null()
        s.kill(other)

    script = record(check)

    assert list(script.names) == ["a", "_", "came", "other", "null_4", "kill_5"]
    assert [it.name for it in script.body if isinstance(it, Block)] == ["other"]


def test_a_name_is_given_once_and_is_none_of_the_languages_own() -> None:
    def check(s: Script) -> None:
        for _ in range(2):
            file = s.file()
            register = s.dup(file)
        s.close(register)

    assert list(record(check).names) == ["file", "register_", "file_2", "register__2", "close_5"]


def test_who_asks_for_the_error_allows_it() -> None:
    def check(s: Script) -> None:
        a, b = s.socketpair()
        sent = s.send(a, b"x")
        s.recv(b, 1)
        s.expect(sent.errno, "", "it was refused")

    steps = [it for it in record(check).body if isinstance(it, Step)]

    assert [step.may_fail for step in steps] == [False, True, False]


def _of_a_child(s: Script) -> None:
    with s.child():
        null = s.null()
    s.close(null)


def _seen_by_a_child(s: Script) -> None:
    with s.child():
        count = s.table()
    s.expect(count, 3, "another number")


def _no_such_field(s: Script) -> None:
    a, _ = s.socketpair()
    s.expect(s.close(a).count, 1, "another number")


def _without_words(s: Script) -> None:
    s.expect(s.table(), 3)


def _too_long(s: Script) -> None:
    for _ in range(500):
        s.table()


@pytest.mark.parametrize(
    ("check", "complaint"),
    [
        (_of_a_child, "null: what a child has is not known outside of its block"),
        (_seen_by_a_child, "count: what a child has"),
        (_no_such_field, "close gives no count"),
        (_without_words, "has to say in words"),
        (_too_long, "use repeat"),
    ],
)
def test_what_a_program_could_not_do_is_refused(check: Check, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        record(check)


def test_steps_are_counted_as_the_programs_count_them() -> None:
    def check(s: Script) -> None:
        with s.repeat(2):
            s.null()
        with s.child():
            s.table()

    assert list(operations(record(check).body)) == ["null", "null", "child", "table"]


# -- writing


@_BOTH
def test_a_program_says_what_it_is(write: Write) -> None:
    def check(s: Script) -> None:
        """What holds.

        Because */ of this.
        """
        s.null()

    said = written(check, write)

    assert "semantics.some (MUST): What holds." in said
    assert re.search(r"^( \*|#) Because .* of this\.$", said, re.MULTILINE)
    assert "Source: a source" in said
    assert "noqa" not in said


@_BOTH
def test_a_program_has_what_it_uses_and_no_more(write: Write) -> None:
    def check(s: Script) -> None:
        s.null()

    said = written(check, write)

    assert "do_null" in said
    assert not {"do_recv", "do_socketpair", "import pty", "borrowed"} & set(
        re.findall(r"import \w+|\w+", said)
    )


@_BOTH
def test_expectations_are_written_for_people(write: Write) -> None:
    def check(s: Script) -> None:
        a, b = s.socketpair()
        came = s.recv(b, 1, length(1) - 1)
        more = s.recv(a, 1, space(2))
        s.expect(came.fds, more.fds + 1, "another number")
        s.expect(came.data, b"\0x?", "other bytes")
        s.expect(came.fds.at_least(1) | more.errno.equals("EAGAIN"), "nothing is told")
        s.need(came.fds.at_most(2), "there is room for more")

    said = written(check, write)

    assert "came.fds is more.fds + 1" in said
    assert r"came.data is \\x00x" in said
    assert "came.fds is at least 1 or more.errno is EAGAIN" in said
    assert "came.fds is at most 2" in said
    assert "length(1) - 1" in said
    assert "need(" in said


@_BOTH
def test_many_of_the_same_are_written_short(write: Write) -> None:
    def check(s: Script) -> None:
        a, _ = s.socketpair()
        null = s.null()
        s.send(a, b"x" * 1000, [null] * 100)

    said = written(check, write)

    assert "xxxx" not in said
    assert max(map(len, said.splitlines())) < 120


def test_a_python_program_is_one() -> None:
    def check(s: Script) -> None:
        with s.child(), s.repeat(3):
            s.null()

    ast.parse(written(check, program.python), feature_version=(3, 10))


# -- many files


@pytest.mark.parametrize(
    ("write", "sent"),
    [(program.python, "[rights(*files.received)]"), (program.c, "files.list, (size_t)files.fds")],
)
def test_all_that_a_step_gave_is_sent_or_looked_at_by_another(write: Write, sent: str) -> None:
    def check(s: Script) -> None:
        a, _ = s.socketpair()
        files = s.files(2)
        s.send(a, b"x", files)
        wrong = s.unlike(files, 2)
        s.expect(wrong, "none", "another file came")

    text = written(check, write)

    assert sent in text
    assert "do_unlike(files, 2)" in text


def test_what_a_child_has_received_is_not_sent_by_its_parent() -> None:
    def check(s: Script) -> None:
        a, b = s.socketpair()
        with s.child():
            came = s.recv(b, 1)
        s.send(a, b"x", came)

    with pytest.raises(ValueError, match="not known outside of its block"):
        record(check)
