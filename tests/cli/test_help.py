"""Every command's help: its examples, what it says it writes and needs, and that it fits any terminal.

After a change of help, `make docs` renews tests/cli/snapshots and docs/commands.md.
"""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import commands
import help_pages
import pytest
from command_tree import help_text, leaves, root
from typer.exceptions import TyperException

from billing_cli.cli.app import run
from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.plan import digest_of
from billing_cli.domain.plan_file import PlanFile

each_leaf = pytest.mark.parametrize("words", leaves())
_RENEW = "Help has changed. If it should have, run: make docs"


@each_leaf
def test_help_ends_with_two_examples_of_the_command_itself(words: str) -> None:
    examples = leaves()[words].examples
    assert len(examples) >= 2
    assert len(set(examples)) == len(examples)
    assert help_text(words, 40).endswith("\nExamples:\n" + "".join(f"  {example}\n" for example in examples))
    for example in examples:
        assert (problem := _problem(words, example)) is None, f"{example}: {problem}"


def test_the_check_of_examples_can_fail() -> None:
    assert _problem("batches list", "billing --json batches list --limit 5") is None
    assert (
        _problem("batches list", "billing batches list --limits 5")
        == "No such option: --limits (Possible options: --limit)"
    )
    assert "greater than or equal to 1" in str(_problem("batches list", "billing batches list --limit 0"))
    assert "'BATCH'" in str(_problem("batches show", "billing batches show"))
    assert _problem("batches list", "billing batches show x") == "it is another command's"
    assert _problem("batches list", "billing --jsn batches list") == "--jsn is no global option"


@each_leaf
def test_help_says_whether_it_writes(words: str) -> None:
    command = leaves()[words]
    assert ("--confirm" in _options(command)) == ("--confirm" in command.writes)
    assert set(re.sub("; with --[a-z -]+,", ",", command.needs).split(", ")) <= set(commands.NEEDS)


@pytest.mark.parametrize("words", [words for words in leaves() if not words.startswith("sandbox")])
def test_a_command_needs_what_its_help_says(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith(("STRIPE_", "SUPABASE_", "BILLING_", "LIVE"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("body.json").write_text("{}")
    _write_plan(Path("plan.json"))
    code = run(shlex.split(leaves()[words].examples[0])[1:])
    assert (code == 78) == (leaves()[words].needs != "nothing"), capsys.readouterr().err


@each_leaf
def test_every_option_is_written_out_on_a_narrow_terminal(words: str) -> None:
    shown = help_text(words, 40)
    lines = {line.strip() for line in shown.splitlines()}
    for option in _options(leaves()[words]):
        assert any(option in line.replace(",", " ").split() for line in lines), option
    # The words of a command are not broken.
    widest = max(40, len(f"Usage: billing {words} "))
    assert max(map(len, shown.split("\nExamples:")[0].splitlines())) <= widest


@pytest.mark.parametrize("columns", [1, 40, 80, 120, 10_000])
def test_a_sentence_is_as_wide_as_the_terminal_but_never_too_wide_to_read(columns: int) -> None:
    sentences = help_text("export", columns).split("\nOptions:")[0].splitlines()[1:]
    assert max(map(len, sentences)) <= max(min(columns, 100) - 2, 20)


def test_a_group_alone_shows_its_help_and_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["batches"]):
        assert run(words) == 2
        out, err = capsys.readouterr()
        assert (out.startswith("Usage: billing"), err) == (True, "")


@pytest.mark.parametrize("name", help_pages.pages())
def test_help_is_as_it_was(name: str) -> None:
    assert (help_pages.SNAPSHOTS / name).read_text(encoding="utf-8") == help_pages.pages()[name], _RENEW


def test_the_document_of_commands_is_what_they_say() -> None:
    assert commands.COMMANDS_MD.read_text(encoding="utf-8") == commands.document(), _RENEW


def _write_plan(path: Path) -> None:
    digest = digest_of("refund", StripeIdentity("acct_1", False, False), {})
    plan = PlanFile("refund", {}, "acct_1", False, digest, {}, "2026-11-24T00:00:00+00:00")
    path.write_text(json.dumps(plan.to_document()))


def _problem(words: str, example: str) -> str | None:
    """Why the command would not take this line; nothing is carried out."""
    given = shlex.split(example.split(" > ")[0].removeprefix("LIVE=true "))
    path = words.split()
    start = next((n for n in range(len(given)) if given[n : n + len(path)] == path), None)
    if given[0] != "billing" or start is None:
        return "it is another command's"
    if unknown := set(given[1:start]) - set(_options(root())):
        return f"{unknown.pop()} is no global option"
    try:
        leaves()[words].make_context(words, given[start + len(path) :])
    except TyperException as error:
        return error.format_message()
    return None


def _options(command: Any) -> list[str]:
    return [name for param in command.params if param.param_type_name == "option" for name in param.opts]
