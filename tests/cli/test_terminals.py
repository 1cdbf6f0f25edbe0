"""Every kind of terminal, pipe, cron job and locale: nothing fails, nothing is cut, no escape code where none is wanted."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from support.terminal import BILLING, in_pipe, on_terminal

from billing_cli.render.terminal import PIPE_WIDTH

PRICE = "price_1QAbCdEfGhIjKlMnOpQrStUv"
PLANS = [*BILLING, "plans", "list"]
# Fails: there is no key. Its next steps have arrows.
DOCTOR = [*BILLING, "doctor", "--offline"]
HELP = [*BILLING, "export", "--help"]
WRONG = [*BILLING, "export", "--period", "someday"]
PROGRESS = [
    *BILLING[:1],
    "-c",
    "import sys; from billing_cli.cli.streams import settle_process; settle_process(sys.argv[1:])\n"
    "from billing_cli.cli.progress import ConsoleProgress; from billing_cli.cli.state import State\n"
    "with ConsoleProgress(State(no_color='--no-color' in sys.argv), 'events settled') as progress:\n"
    "    progress.begin(3); progress.advance(3)\n",
]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "STRIPE_PRICE_STARTER": PRICE, "TERM": "xterm-256color", "LANG": "C.UTF-8"}


def test_a_terminal_has_colours_and_a_bar(environment: dict[str, str]) -> None:
    assert "\x1b[" in on_terminal(PLANS, environment).text
    assert "events settled" in on_terminal(PROGRESS, environment).text


@pytest.mark.parametrize("words", [PLANS, HELP, WRONG, PROGRESS], ids=["table", "help", "error", "progress"])
@pytest.mark.parametrize("way", ["NO_COLOR", "--no-color"])
def test_without_colours_there_is_no_escape_code_at_all(
    environment: dict[str, str], words: list[str], way: str
) -> None:
    if way == "NO_COLOR":
        environment |= {"NO_COLOR": "0", "FORCE_COLOR": "1", "GITHUB_ACTIONS": "true"}
    else:
        words = [*words[:3], "--no-color", *words[3:]]
    assert "\x1b" not in on_terminal(words, environment).text


@pytest.mark.parametrize("term", ["dumb", "unknown", None])
def test_a_terminal_that_knows_no_escape_code_gets_none(environment: dict[str, str], term: str | None) -> None:
    del environment["TERM"]
    environment |= {"TERM": term} if term else {}
    shown = on_terminal(PLANS, environment)
    assert "\x1b" not in shown.text
    assert (PRICE in shown.text, shown.code) == (True, 0)


@pytest.mark.parametrize("columns", [40, 120])
def test_a_price_can_be_copied_at_any_width(environment: dict[str, str], columns: int) -> None:
    shown = on_terminal(PLANS, environment | {"NO_COLOR": "1"}, columns)
    assert PRICE in shown.text
    assert "…" not in shown.text
    assert max(map(len, shown.text.splitlines())) <= columns


def test_a_command_to_copy_is_one_line_in_forty_columns(environment: dict[str, str]) -> None:
    Path("long name of a file.env").write_text("")
    Path("long name of a file.env").chmod(0o644)
    shown = on_terminal(
        [*BILLING, "--env-file", "long name of a file.env", "doctor", "--offline"], environment | {"NO_COLOR": "1"}, 40
    )
    assert "  → chmod 600 'long name of a file.env'\n" in shown.text
    assert shown.code == 3


def test_a_pipe_gets_plain_text_as_wide_as_ever(environment: dict[str, str]) -> None:
    piped = in_pipe(DOCTOR, environment)
    assert b"\x1b" not in piped.stdout + piped.stderr
    assert max(map(len, piped.stdout.decode().splitlines())) <= PIPE_WIDTH
    # The terminal that stderr and stdin are does not matter; COLUMNS does, where it makes sense.
    beside = on_terminal(["sh", "-c", '"$@" | cat >out', "sh", *DOCTOR], environment, 40)
    assert (Path("out").read_bytes(), beside.text) == (piped.stdout, "")
    narrow = in_pipe(DOCTOR, environment | {"COLUMNS": "60"}).stdout.decode()
    assert narrow != piped.stdout.decode()


def test_progress_in_a_pipe_is_no_bar(environment: dict[str, str]) -> None:
    piped = in_pipe(PROGRESS, environment | {"FORCE_COLOR": "1"})
    assert (piped.stdout, piped.stderr) == (b"", b"")


@pytest.mark.parametrize("words", [DOCTOR, [*BILLING, "--json", *DOCTOR[3:]], HELP], ids=["table", "json", "help"])
def test_a_reader_that_goes_away_changes_nothing(environment: dict[str, str], words: list[str]) -> None:
    """The exit code is the command's own, and nobody hears of it."""
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(words, stdout=writer, stderr=subprocess.PIPE, env=environment) as process:
        os.close(writer)
        _, said = process.communicate()
    assert (said, process.returncode) == (b"", 0 if words is HELP else 3)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_trouble(environment: dict[str, str], closed: str) -> None:
    done = in_pipe(["sh", "-c", f'"$@" {closed}', "sh", *PLANS], environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (PRICE.encode() in done.stdout) == (">&-" not in closed.replace("2>&-", ""))


def test_sizes_that_make_no_sense_are_left_alone(environment: dict[str, str]) -> None:
    sensible = in_pipe(PLANS, environment).stdout
    for size in ("0", "abc", "²"):
        silly = environment | {"COLUMNS": size, "LINES": size}
        assert in_pipe(PLANS, silly).stdout == sensible
    assert in_pipe(HELP, environment | {"COLUMNS": "-5", "TERMINAL_WIDTH": "abc"}).returncode == 0


LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("locale", LOCALES)
def test_a_locale_without_our_signs_gets_the_nearest_ones(environment: dict[str, str], locale: str) -> None:
    environment |= LOCALES[locale] | {"STRIPE_PRICE_BUSINESS": "price_日本_1QAbCdEfGhIj"}
    done = in_pipe(DOCTOR, environment)
    said = done.stdout.decode("latin-1" if locale == "latin-1" else "ascii")
    assert (done.returncode, done.stderr) == (3, b"")
    assert "  -> " in said


def test_help_is_said_in_ascii(environment: dict[str, str]) -> None:
    done = in_pipe(HELP, environment | LOCALES["C"])
    assert (done.stdout.isascii(), done.stderr, done.returncode) == (True, b"", 0)


def test_a_table_keeps_its_columns_in_ascii(environment: dict[str, str]) -> None:
    table = in_pipe(PLANS, environment | LOCALES["C"]).stdout.decode("ascii").splitlines()
    assert len(set(map(len, table))) == 1
    assert re.match(r"\| starter +\| price_", table[-2])


def test_lines_for_machines_have_no_escape_code(environment: dict[str, str]) -> None:
    done = in_pipe(WRONG, environment | {"BILLING_LOG": "json", "FORCE_COLOR": "1"})
    assert done.returncode == 2
    assert b"\\u001b" not in done.stderr
    assert b"someday" in done.stderr
