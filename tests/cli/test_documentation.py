"""What the documents say is checked against the program: commands, links, exit codes, reasons, variables."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_tree import root
from modules import MODULES_MD, modules_page

from billing_cli import wiring
from billing_cli.cli.app import EXIT_CODES
from billing_cli.domain.skip import SKIP_REASONS
from billing_cli.settings import Settings
from billing_cli.settings.billing_toml import Config
from billing_cli.settings.environment import NO_VARIABLES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
WITH_COMMANDS = sorted(
    {ROOT / "README.md", ROOT / "RUNBOOK.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/operating/*.md")}
)
# The blocks of all others are carried out: test_quoted_commands.py.
NOT_CARRIED_OUT = sorted({ROOT / "docs" / "commands.md", *ROOT.glob("docs/operating/*.md")})
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:LIVE=true )?billing [a-z-][^`\n]*)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_every_command_in_a_block_that_is_not_carried_out_parses() -> None:
    checked = 0
    for document in NOT_CARRIED_OUT:
        for line in _fenced_commands(document.read_text(encoding="utf-8")):
            assert (problem := _problem(line)) is None, f"{document.name}: {line}: {problem}"
            checked += 1
    assert checked > 30


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_named_in_a_sentence_exists(document: Path) -> None:
    for line in _commands_in_sentences(document.read_text(encoding="utf-8")):
        problem = _problem(line)
        # A sentence may name a command without its arguments.
        assert problem is None or problem.endswith("is missing"), f"{line}: {problem}"


def test_the_check_of_commands_can_fail() -> None:
    assert _problem("billing export --period yesterday") is None
    assert _problem("billing exports --period yesterday") == "there is no exports"
    assert _problem("billing export --periods yesterday") == "there is no option --periods"
    assert _problem("billing --json batches show") == "BATCH is missing"
    assert _problem("billing export yesterday") == "too many arguments"
    assert _problem("billing batches") == "a command is missing"
    assert _problem("billing export --period") == "--period needs a value"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(document: Path) -> None:
    for target in _LINK.findall(_without_fences(document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), f"{target} does not exist"
        assert not anchor or anchor in _anchors(linked), f"{target}: there is no such heading"


def test_exit_codes_are_documented_as_they_are() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    documented = {
        name: int(row[1])
        for row in re.finditer(r"^\| (\d+) \| ([^|]+) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row[2])
    }
    assert documented == {error.__name__: code for error, code in EXIT_CODES.items()}
    codes = set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE))
    assert codes == set(re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_skip_reason_is_in_the_runbook() -> None:
    text = (ROOT / "RUNBOOK.md").read_text(encoding="utf-8")
    section = text.split("## Rows were skipped")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(SKIP_REASONS)


def test_every_module_is_listed_with_what_lives_there() -> None:
    page = modules_page()
    assert MODULES_MD.read_text(encoding="utf-8") == page, "A module says something else of itself; run: make docs"
    assert "|  |" not in page


def test_every_check_of_the_doctor_is_explained() -> None:
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|( offline \|)?", text, re.MULTILINE)
    explained = {(name, bool(mark)) for names, mark in rows for name in re.findall(r"[a-z-]+", names)}
    with wiring.doctor_checks(Settings.without_config(), None, None) as checks:
        assert explained == {(check.name, check.offline) for check in checks}


def test_the_example_environment_lists_every_setting() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = set(re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields if name not in NO_VARIABLES}


def test_the_page_of_the_configuration_has_every_variable_and_a_file_that_is_read() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = "".join(re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)).replace("…_", "STRIPE_PRICE_")
    process_only = {"LIVE", "BILLING_LOG", "BILLING_DEBUG"}
    listed = {name.upper() for name in Settings.model_fields if name not in NO_VARIABLES} | process_only
    assert set(re.findall(r"`([A-Z_]+)`", rows)) == listed
    assert all(name in text.partition("## Variables")[0] for name in process_only)
    (example,) = (block for language, block in _FENCE.findall(text) if language == "toml")
    assert Config.model_validate(tomllib.loads(example)).meters["api_calls"].backend == "stream"


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "adr"
    listed = re.findall(
        r"^\d+\. \[(.+)\]\((.+\.md)\)", (decisions / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    files = sorted(decisions.glob("0*.md"))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0].partition(". ")[2] for path in files]
    assert listed == list(zip(titles, [path.name for path in files], strict=True))


def _fenced_commands(text: str) -> list[str]:
    blocks = (block for language, block in _FENCE.findall(text) if language not in ("json", "toml", "sql"))
    return [line for block in blocks for line in block.splitlines() if re.match(r"(LIVE=true )?billing [a-z-]", line)]


def _commands_in_sentences(text: str) -> list[str]:
    return [quoted for quoted in _INLINE.findall(_without_fences(text)) if "…" not in quoted]


def _problem(line: str) -> str | None:
    """Why this command line could not be parsed; None if it could. Values are not checked."""
    words = shlex.split(re.split(r" (?:>|#|&&|\|) ?", line)[0].removeprefix("LIVE=true "))[1:]
    command = root()
    arguments = 0
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            if problem := _option_problem(command, word, words):
                return problem
        elif not hasattr(command, "commands"):
            arguments += 1
        elif word in command.commands:
            command = command.commands[word]
        else:
            return f"there is no {word}"
    return "a command is missing" if hasattr(command, "commands") else _arguments_problem(command, arguments)


def _option_problem(command: Any, word: str, words: list[str]) -> str | None:
    """Takes the option's value off `words`."""
    name, has_value, _ = word.partition("=")
    option = next((p for p in command.params if name in p.opts), None)
    if option is None:
        return f"there is no option {name}"
    if has_value or option.is_flag:
        return None
    if not words:
        return f"{name} needs a value"
    words.pop(0)
    return None


def _arguments_problem(command: Any, given: int) -> str | None:
    wanted = [p for p in command.params if p.param_type_name == "argument"]
    if given > len(wanted):
        return "too many arguments"
    missing = [p for p in wanted[given:] if p.required]
    return f"{missing[0].metavar} is missing" if missing else None


def _without_fences(text: str) -> str:
    return _FENCE.sub("", text)


def _anchors(document: Path) -> set[str]:
    """Headings as GitHub names them in links."""
    headings = re.findall(r"^#+ (.+)$", _without_fences(document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
