from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance import entries as checks
from conformance.facts import GROUPS, document, entries, fact, facts, profiles, reference

_ROOT = Path(__file__).resolve().parent.parent.parent
_UNIX = pytest.mark.skipif(sys.platform == "win32", reason="it forks")
_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what is measured is Linux's")
_VALUES = """
import json, sys
from conformance.facts.measuring import measured
document = measured({wanted!r}, {scale})
told = {{known["id"]: [known["value"], known["reason"]] for known in document["facts"]}}
"""


# As programs of their own: what forks must have no threads, and a test runner may have some.
def python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    options["env"] = os.environ | {"PYTHONPATH": str(_ROOT)} | options.get("env", {})
    return subprocess.run(
        [sys.executable, "-c", code],
        **{"capture_output": True, "text": True, "timeout": 60, **options},
        check=False,
    )


def command(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    code = "from conformance.__main__ import main; main()"
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "COLUMNS": "100"} | env
    return subprocess.run(
        [sys.executable, "-c", code, "facts", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


def told(before: str = "", *, wanted: list[str] | None = None, **options: Any) -> dict[str, Any]:
    """Measure in another process, which first does *before*; give value and reason by id."""
    code = before + _VALUES.format(wanted=wanted or [], scale=1) + "print(json.dumps(told))"
    ended = python(code, **options)
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    ended = command("--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    measured: dict[str, Any] = json.loads(ended.stdout)
    return measured


@pytest.fixture(scope="module")
def values(profile: dict[str, Any]) -> dict[str, Any]:
    return {known["id"]: known["value"] for known in profile["facts"]}


# -- the list -----------------------------------------------------------------------------------


def test_every_fact_has_an_id_of_its_own_and_says_what_it_means() -> None:
    listed = entries()
    ids = [entry["id"] for entry in listed]

    assert len(listed) >= 40
    assert len(set(ids)) == len(ids)
    assert not {entry["id"] for entry in checks.entries()} & set(ids)
    assert list(dict.fromkeys(entry["group"] for entry in listed)) == list(GROUPS)
    for entry in listed:
        assert re.fullmatch(r"[^\n]{5,87}\.", entry["meaning"]), entry


@pytest.mark.parametrize(
    ("id", "meaning", "gives", "refusal"),
    [
        ("limits", "It is so.", "bool", "expected an id"),
        ("limits.what", "It is so", "bool", "one sentence"),
        ("limits.what", "It is so.\n\nAnd more.", "bool", "one sentence"),
        ("limits.what", "It is so.", "float", "expected one of bool, int"),
    ],
)
def test_what_is_no_fact_is_refused(id: str, meaning: str, gives: str, refusal: str) -> None:  # noqa: A002
    def measure() -> bool:
        return True

    measure.__doc__ = meaning
    measure.__annotations__["return"] = gives

    with pytest.raises(ValueError, match=refusal):
        fact.fact(id)(measure)


def test_facts_are_chosen_by_id_group_and_glob() -> None:
    ids = [known.id for known in facts(["peek.again", "sizes", "table.full-f*"])]

    assert ids[0] == "sizes.cmsg-len-none"
    assert ids[-1] == "peek.again"
    assert "table.full-flag" in ids
    with pytest.raises(LookupError, match="known groups: interfaces, "):
        facts(["nothing"])


def test_the_reference_passer_is_not_needed() -> None:
    code = """if True:
        import sys
        from conformance.facts import facts, reference, command
        facts()
        assert not [name for name in sys.modules if name.partition(".")[0] == "fdpass"]
    """
    assert python(code).stderr == ""


# -- measuring ----------------------------------------------------------------------------------


@_UNIX
def test_a_profile_is_measured_within_seconds(profile: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(document.schema())
    jsonschema.validate(profile, document.schema())

    assert profile["complete"]
    assert [known["id"] for known in profile["facts"]] == [known.id for known in facts()]
    assert profile["environment"]["user"]["euid"] == os.geteuid()
    for known in profile["facts"]:
        assert (known["value"] is None) == bool(known["reason"])
        assert "no answer" not in known["reason"]


@_UNIX
def test_what_is_measured_again_is_the_same(values: dict[str, Any]) -> None:
    assert {name: value for name, (value, _) in told().items()} == values


@_LINUX
def test_the_values_are_those_that_plain_calls_give(values: dict[str, Any]) -> None:
    ended = python("""if True:
        import array, errno, json, os, resource, socket, struct
        LEVEL, TYPE = socket.SOL_SOCKET, socket.SCM_RIGHTS

        def passing(count):
            return [(LEVEL, TYPE, array.array("i", [1] * count).tobytes())]

        def count(control):
            return sum(len(content) // 4 for _, _, content in control)

        seen = {"sizes.cmsg-space-one": struct.calcsize("nii") + struct.calcsize("i0n")}
        a, b = socket.socketpair()
        for most in range(1, 1000):
            try:
                a.sendmsg([b"x"], passing(most))
            except OSError as error:
                seen["limits.descriptors-per-message"] = most - 1
                seen["limits.descriptors-per-message-error"] = errno.errorcode[error.errno]
                break
            b.recv(1)
        a.send(b"AA")
        for data, fds in ((b"BB", 1), (b"CC", 0), (b"DD", 2), (b"EE", 0)):
            a.sendmsg([data], passing(fds) if fds else [])
        seen["stream.coalescing"] = []
        for _ in range(3):
            data, control, _, _ = b.recvmsg(100, 100)
            fds = f"+{count(control)}" if control else ""
            seen["stream.coalescing"].append(data.decode() + fds)
        a.sendmsg([b"x"], passing(3))
        _, control, flags, _ = b.recvmsg(1, socket.CMSG_SPACE(4))
        seen["truncation.room-for-one"] = count(control)
        seen["truncation.flag"] = bool(flags & socket.MSG_CTRUNC)
        a.sendmsg([b"x"], passing(1))
        seen["peek.numbers"] = count(b.recvmsg(1, 100, socket.MSG_PEEK)[1])
        b.recv(1)
        a.sendmsg([b"x"], passing(1))
        most = max(map(int, os.listdir("/proc/self/fd"))) + 1
        while True:
            try:
                os.dup(1) if most > 200 else resource.setrlimit(resource.RLIMIT_NOFILE, (200,) * 2)
                most = 201
            except OSError:
                break
        data, control, flags, _ = b.recvmsg(1, 100)
        seen["table.full-flag"] = bool(flags & socket.MSG_CTRUNC) and not control
        seen["table.full-data"] = "with it" if data else "lost"
        print(json.dumps(seen))
    """)
    seen = json.loads(ended.stdout)

    assert len(seen) == 9
    assert {name: values[name] for name in seen} == seen


@_LINUX
@pytest.mark.parametrize(
    ("before", "differ"),
    [
        ("import os; os.umask(0o077)\n", set()),
        ("import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n", set()),
        ("import os; fds = [os.dup(0) for _ in range(64)]\n", set()),
        (
            "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))\n",
            {"limits.open-files", "limits.open-files-hard"},
        ),
    ],
)
def test_odd_circumstances_change_nothing(
    before: str, differ: set[str], values: dict[str, Any]
) -> None:
    found = told(before)
    unlike = {name for name, (value, _) in found.items() if value != values[name]}

    # That of the limit of 64, which cannot be had where the limit is lower.
    in_flight = {name for name in unlike if name.startswith("limits.in-flight")}
    assert {found[name][1] for name in in_flight} <= {
        "at most 32 descriptors may be open here, and 64 are needed"
    }
    assert unlike - in_flight == differ


@_LINUX
def test_closed_standard_descriptors_change_nothing(values: dict[str, Any], tmp_path: Path) -> None:
    code = "import os; os.closerange(0, 3)\n" + _VALUES.format(wanted=[], scale=1)
    ended = python(code + f"open({str(tmp_path / 'out')!r}, 'w').write(json.dumps(told))")
    found = json.loads((tmp_path / "out").read_text())

    assert ended.returncode == 0
    assert {name: value for name, (value, _) in found.items()} == values


@_UNIX
def test_nothing_is_left_behind_and_long_paths_change_nothing(
    values: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    found = told(env={"TMPDIR": str(folder)})

    assert {name: value for name, (value, _) in found.items()} == values
    assert list(folder.iterdir()) == []


@_LINUX
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root changes users")
def test_a_fact_that_depends_on_the_user_says_so(values: dict[str, Any]) -> None:
    # What is imported later may lie in a folder that is root's alone.
    found = told("""if True:
        import json, os, _posixshmem
        from conformance.facts import facts, measuring
        facts()
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        """)
    unlike = {name for name, (value, _) in found.items() if value != values[name]}

    assert unlike == {"limits.in-flight-this-user", "limits.in-flight-this-user-error"}
    assert all("user" in known.meaning for known in facts(list(unlike)))


_TRIED = """
import json, os, signal, sys, time
from conformance.facts import fact, children

def made(measure, number=iter(range(99))):
    return fact.Fact(f"limits.{next(number)}", "limits", "boolean", "", "", False, measure)

def hangs():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    os.fork()
    open(MARK, "a").write(f"{os.getpid()}\\n")
    while True:
        time.sleep(60)

def talks_and_hangs():
    os.write(3, b"[tr")
    time.sleep(60)

def refuses():
    raise fact.Unanswered("it is not there")

def strange():
    return 1.5

def deep():
    return deep()

def good():
    return True

tried = [
    *(hangs, talks_and_hangs, os.abort, lambda: os._exit(3), lambda: sys.exit(4), refuses),
    *(lambda: os.open("/nowhere", 0), lambda: nothing, strange, deep, good),
]
answers = [answer for _, answer in children.ask(map(made, tried), 0.1)]
print(json.dumps([[answer["value"], answer["reason"]] for answer in answers]))
"""


@_UNIX
def test_a_fact_that_hangs_or_crashes_says_so_and_harms_no_other(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    began = time.monotonic()
    ended = python(f"MARK = {str(mark)!r}\n{_TRIED}", env={"TMPDIR": str(tmp_path)})
    answers = json.loads(ended.stdout)
    reasons = [reason for _, reason in answers]

    assert ended.stderr == ""
    assert reasons[:6] == [
        "no answer (killed after 0.3 s)",
        "no answer (killed after 0.3 s)",
        "no answer (ended by SIGABRT)",
        "no answer (ended with status 3)",
        "no answer (ended with status 1)",
        "it is not there",
    ]
    assert reasons[6] == "ENOENT: No such file or directory"
    assert reasons[7].startswith("NameError: ")
    assert reasons[8] == "expected boolean, measured 1.5"
    assert reasons[9].startswith("RecursionError: ")
    assert answers[10] == [True, ""]
    assert all(value is None for value, _ in answers[:10])
    assert time.monotonic() - began < 10
    # Its children are gone as well.
    for pid in map(int, mark.read_text().split()):
        end = time.monotonic() + 5
        while _runs(pid) and time.monotonic() < end:
            time.sleep(0.01)
        assert not _runs(pid)
    assert os.listdir(tmp_path) == ["pids"]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # an orphan may wait for a parent that never asks
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


# -- shown and compared -------------------------------------------------------------------------


@_UNIX
def test_the_terminal_shows_values_and_meanings() -> None:
    ended = command("truncation.flag", "sizes")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "too little room for control data  facts truncation\n" in ended.stdout
    assert re.search(r"^  truncation\.flag +(yes|no)$", ended.stdout, re.MULTILINE)
    assert "    Whether MSG_CTRUNC tells that some had no room.\n" in ended.stdout
    assert "\n14 facts in " in ended.stdout


@pytest.mark.parametrize("words", [("--plain",), ()])
def test_there_is_no_colour_where_none_is_wanted(words: tuple[str, ...]) -> None:
    ended = command("--compare", "linux", "gvisor", *words, NO_COLOR="1", FORCE_COLOR="1")
    styles = set(re.findall(r"\x1b\[([\d;]*)m", ended.stdout))

    assert ended.returncode == 1
    assert not [style for style in styles if re.search(r"\b(3|4|9|10)\d\b", style)]
    if words:
        assert ended.stdout.isascii()
        assert not styles


def changed(profile: dict[str, Any], **values: Any) -> dict[str, Any]:
    made = copy.deepcopy(profile)
    for known in made["facts"]:
        name = known["id"].replace(".", "_").replace("-", "_")
        if name in values:
            known["value"] = values[name]
            known["reason"] = "" if values[name] is not None else "no answer (killed after 3 s)"
    return made


def written(folder: Path, **profiles: dict[str, Any]) -> list[Path]:
    for name, profile in profiles.items():
        (folder / name).write_text(json.dumps(profile))
    return [folder / name for name in profiles]


@_UNIX
def test_two_alike_have_no_difference(tmp_path: Path, profile: dict[str, Any]) -> None:
    a, b = written(tmp_path, a=profile, b=profile)
    ended = command("--compare", a, b)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"no difference; {len(facts())} facts are in both\n" in ended.stdout
    assert "truncation" not in ended.stdout
    assert json.loads(command("--compare", a, b, "--json").stdout)["differences"] == []
    # And this system, measured again now.
    assert command("--compare", a, "-").returncode == 0


@_UNIX
def test_only_what_differs_is_shown(tmp_path: Path, profile: dict[str, Any]) -> None:
    other = changed(profile, limits_descriptors_per_message=77, peek_shows=None, names_datagram=0)
    del other["facts"][-1]
    other = changed(other, names_datagram=profile["facts"][-2]["value"])
    a, b = written(tmp_path, a=profile, b=other)
    ended = command("--compare", a, b)
    as_json = json.loads(command("--compare", a, b, "--json").stdout)

    assert (ended.returncode, ended.stderr) == (1, "")
    shown = re.findall(r"^  (\w+\.[\w-]+)  ", ended.stdout, re.MULTILINE)
    assert shown == ["limits.descriptors-per-message", "peek.shows", "names.unnamed-peer"]
    assert re.search(r"per-message +\d+ +77$", ended.stdout, re.MULTILINE)
    assert "no answer (killed after 3 s)" in ended.stdout
    assert "not measured" in ended.stdout
    assert "\n3 differences; " in ended.stdout
    assert [found["id"] for found in as_json["differences"]] == shown
    assert as_json["differences"][0]["b"] == {"value": 77, "reason": ""}
    assert as_json["differences"][2]["b"] is None
    assert command("--compare", a, b, "peek.again", "sizes").returncode == 0


_OF_ONE_FACT = """{
    "schema": 1, "suite": {"version": ""}, "started": "", "seconds": 1, "environment": {},
    "evidence": "ran", "complete": true, "facts": [{"id": "a.b", "group": "a", "type": "integer",
    "meaning": "", "source": "", "value": "7", "reason": "", "seconds": 0}]
}"""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is no JSON: "),
        ("\xff", "is no JSON: "),
        ("[]", "is no profile: the document: expected object"),
        ('{"schema": 1}', "is no profile: the document: 'suite' is missing"),
        (
            _OF_ONE_FACT,
            "is no profile: a.b: expected integer, received '7'",
        ),
    ],
)
def test_what_is_no_profile_is_refused(content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content.encode("latin-1"))

    with pytest.raises(document.Refused) as refused:
        document.read(str(path))
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nothing",), "there is no fact 'nothing'"),
        (("--compare", "linux", "/nowhere"), "there is no file '/nowhere'"),
        (("--compare", "linux", __file__), "is no JSON"),
        (("--compare", "linux"), "requires 2 arguments"),
    ],
)
def test_a_wrong_command_line_is_2(words: tuple[str, ...], complaint: str) -> None:
    ended = command(*words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert complaint in ended.stderr


def test_the_help_tells_the_exit_status() -> None:
    said = command("--help").stdout

    for status in ("0  measured", "1  the two", "2  the command", "4  the suite"):
        assert status in said


# -- the profiles that come with the suite ------------------------------------------------------


def test_the_profiles_tell_of_every_fact() -> None:
    ids = {known.id for known in facts()}

    for name in profiles.names():
        profile = profiles.read(name)
        jsonschema.validate(profile, document.schema())
        assert {known["id"] for known in profile["facts"]} == ids, f"measure {name} again"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "linux-unprivileged",
            {
                "limits.in-flight-this-user": (256, 65),
                "limits.in-flight-this-user-error": ("none", "ETOOMANYREFS"),
            },
        ),
        (
            "gvisor",
            {
                "table.full-flag": (True, False),
                "table.partial-flag": (True, False),
                "messages.zero-bytes-dgram": ("delivered", "dropped"),
                "status.cloexec-echoed": (True, False),
                "limits.in-flight-unprivileged-error": ("ETOOMANYREFS", "none"),
                "flight.cycle-collected": (True, False),
                "passable.pidfd": ("passes", None),
            },
        ),
        (
            "qemu-user",
            {
                "truncation.flag": (True, False),
                "truncation.hidden": (0, 1),
                "truncation.header-only": ("0, MSG_CTRUNC", "0, 1 hidden"),
            },
        ),
        (
            "valgrind",
            {
                "table.full-descriptor": ("lost", "with it"),
                "table.partial-installed": (1, 3),
                "passable.pidfd": ("passes", None),
            },
        ),
    ],
)
def test_a_comparison_shows_what_is_known_to_differ(
    name: str, expected: dict[str, tuple[Any, Any]]
) -> None:
    found = document.differences(profiles.read("linux"), profiles.read(name))
    shown = {
        difference["id"]: tuple(
            told and told["value"] for told in (difference["a"], difference["b"])
        )
        for difference in found
    }

    assert expected.items() <= shown.items()


def test_the_page_has_every_fact_and_where_it_was_measured() -> None:
    page = reference.render(entries())

    for entry in entries():
        assert f"\n| `{entry['id']}` | " in page
    for name in profiles.names():
        assert re.search(
            rf"^\| {name} \| .* \| (ran|emulated by \S+) \| \d{{4}}-", page, re.MULTILINE
        )
    assert "| yes<br>**gvisor, valgrind**: no | Whether MSG_CTRUNC tells it; " in page
    # A row has three cells, whatever is in them.
    assert {
        len(re.findall(r"(?<!\\)\|", row)) for row in re.findall(r"^\| `.*", page, re.MULTILINE)
    } == {4}
