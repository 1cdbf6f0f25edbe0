"""Files are written by adapters/files.py alone: whole, for the owner only, and never through a link."""

import ast
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import billing_cli
from billing_cli.adapters.files import ZipStore, check_place, check_room, write_atomically
from billing_cli.domain.errors import Misconfigured

ROOT = Path(billing_cli.__file__).parent
# What else opens a file for writing, and why it may.
EXCEPTIONS = {
    "adapters/files.py": "the writer itself",
    "adapters/audit_file.py": "appends under a lock, and never follows a link",
    "adapters/matching/engine.py": "exports into its private directory before the writer takes the result",
    "adapters/matching/spool.py": "rows in a private directory (mode 0700)",
    "adapters/stripe/report_reader.py": "a report in a private directory (mode 0700)",
    "adapters/ssh_signatures.py": "a signature for ssh-keygen, in a private directory (mode 0700)",
    "cli/streams.py": "/dev/null in place of a closed stream",
    "sandbox/processes.py": "the writer of the sandbox, which imports no adapter",
    "sandbox/lifecycle.py": "the lock of the sandbox's directory",
    "sandbox/postgres.py": "the log of the sandbox's Postgres",
    "sandbox/unprivileged.py": "a copy of the Postgres binaries in a fresh directory",
    "sandbox/simulator/process.py": "the log of the simulator",
    "sandbox/simulator/journal.py": "the journal of the simulator",
}
WRITERS = {"write_text", "touch", "symlink_to", "hardlink_to", "rename", "truncate", "ftruncate"}
WRITERS |= {"mkstemp", "NamedTemporaryFile", "TemporaryFile", "copy2", "copyfile", "copytree", "move", "mkfifo"}
# With other arguments these are methods of text, of records and of connections.
ONE_ARGUMENT = {"replace", "write_bytes"}
FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"}


def writes(call: ast.Call) -> bool:
    """Whether a call may make or change a file; attributes count whatever object they are of."""
    of_something = isinstance(call.func, ast.Attribute)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ONE_ARGUMENT:
        return of_something and len(call.args) == 1 and not call.keywords
    if name in WRITERS:
        return of_something
    if name in ("open", "fdopen", "ZipFile"):
        texts = [part.value for part in ast.walk(call) if isinstance(part, ast.Constant)]
        modes = [text for text in texts if isinstance(text, str) and 0 < len(text) < 4 and set(text) <= set("rwaxbt+")]
        flags = {part.attr for part in ast.walk(call) if isinstance(part, ast.Attribute)}
        return any(set(mode) & set("wax+") for mode in modes) or bool(flags & FLAGS)
    return False


def statements(tree: ast.AST) -> Iterator[str]:
    """SQL that writes a file."""
    for part in ast.walk(tree):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.startswith("copy "):
            yield part.value


def writing_modules() -> set[str]:
    found = set()
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = (part for part in ast.walk(tree) if isinstance(part, ast.Call))
        if any(map(writes, calls)) or any("copy " in text and " from stdin" not in text for text in statements(tree)):
            found.add(path.relative_to(ROOT).as_posix())
    return found


def test_no_other_module_opens_a_file_for_writing() -> None:
    assert writing_modules() == set(EXCEPTIONS)


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text(text)",
        "path.open('w')",
        "path.open(mode='ab')",
        "open(path, 'x')",
        "os.open(path, os.O_RDWR | os.O_CREAT)",
        "os.fdopen(handle, 'wb')",
        "zipfile.ZipFile(path, 'w')",
        "draft.replace(path)",
        "os.rename(draft, path)",
    ],
)
def test_the_walk_finds_what_writes(line: str) -> None:
    assert writes(ast.parse(line, mode="eval").body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    ["path.open(encoding='utf-8')", "open(path)", "text.replace('a', 'w')", "replace(plan, a=1)", "f.open('rb')"],
)
def test_the_walk_passes_what_reads(line: str) -> None:
    assert not writes(ast.parse(line, mode="eval").body)  # type: ignore[arg-type]


def test_a_link_is_refused_and_its_target_stays(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "link").symlink_to(victim)
    for refuse in (check_place, lambda path: write_atomically(path, b"new"), ZipStore):
        with pytest.raises(Misconfigured, match="is a link"):
            refuse(tmp_path / "link")
    assert victim.read_text() == "mine"


def test_what_is_written_is_for_its_owner_only(tmp_path: Path) -> None:
    write_atomically(tmp_path / "out", b"new")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_fault_or_an_interruption_leaves_the_old_file_and_no_draft(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    for error, expected in ((OSError(errno.ENOSPC, "full"), Misconfigured), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patch, pytest.raises(expected):
            patch.setattr(os if step == "fsync" else Path, step, fail)
            write_atomically(path, b"new")
        assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"old")


@pytest.mark.parametrize(
    "check", [check_place, lambda path: check_room(path, 1), lambda path: write_atomically(path, b"x")]
)
def test_a_pipe_without_a_reader_is_refused_and_not_waited_for(check: Callable[[Path], None], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Misconfigured, match="is no regular file"):
        check(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_device_is_refused() -> None:
    with pytest.raises(Misconfigured, match="is no regular file"):
        write_atomically(Path("/dev/null"), b"x")


def test_a_pipe_is_no_zip_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.zip")
    with pytest.raises(Misconfigured, match="is no whole zip file"):
        ZipStore(tmp_path / "out.zip")
