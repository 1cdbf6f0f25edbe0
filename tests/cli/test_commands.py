"""The list of commands is made without loading any of them, and says what they say themselves."""

import subprocess
import sys

import pytest

from billing_cli.cli.app import run
from billing_cli.cli.commands import COMMANDS, load_command

LOADED = "print(*(name for name in sys.modules if name.startswith(('billing_cli.', 'stripe', 'psycopg', 'rich'))))"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    command = load_command(name)
    assert command.name == name
    assert command.help.split("\n\n")[0].replace("\n", " ") == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_in_the_list_can_be_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"Usage: billing {name}" in capsys.readouterr().out


def test_the_list_loads_no_command() -> None:
    loaded = _loaded_after("--help")
    assert loaded == {
        "billing_cli.adapters",
        "billing_cli.adapters.clock",
        "billing_cli.cli",
        "billing_cli.cli.app",
        "billing_cli.cli.commands",
        "billing_cli.cli.completion",
        "billing_cli.cli.help",
        "billing_cli.cli.log",
        "billing_cli.cli.secrecy",
        "billing_cli.cli.state",
        "billing_cli.cli.streams",
        "billing_cli.domain",
        "billing_cli.domain.errors",
        "billing_cli.domain.masking",
    }


def test_a_command_loads_no_other() -> None:
    loaded = _loaded_after("export", "--help")
    assert {f"billing_cli.cli.{name.replace('-', '_')}" for name in COMMANDS} & loaded == {"billing_cli.cli.export"}
    assert not any(name.startswith(("stripe", "psycopg", "rich")) for name in loaded)


def _loaded_after(*words: str) -> set[str]:
    code = f"import sys; from billing_cli.cli.app import run; run({list(words)}); {LOADED}"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())
