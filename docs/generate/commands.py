"""Writes docs/commands.md: every command, from what it says of itself."""

from pathlib import Path
from typing import Any

import typer
from command_tree import leaves, root

from billing_cli.cli.help import parameter_rows, purpose

COMMANDS_MD = Path(__file__).parents[1] / "commands.md"
# What a command may need, and the environment that gives it.
NEEDS = {
    "nothing": "",
    "Stripe key": "`STRIPE_SECRET_KEY`; `STRIPE_API_VERSION`, `STRIPE_API_BASE` and `STRIPE_METER_EVENTS_BASE`, "
    "where they are set",
    "webhook secret": "`STRIPE_WEBHOOK_SECRET`",
    "database": "`SUPABASE_URL` and `SUPABASE_SECRET_KEY` (or `SUPABASE_SERVICE_ROLE_KEY`); or `SUPABASE_DB_URL`",
    "database URL": "`SUPABASE_DB_URL`",
}
_INTRODUCTION = """\
# Commands

<!-- Made by `make docs` from the commands themselves; edit those. -->

Every command: what it does, its options, what it writes and needs, how it is called. `--help` says the same.
"""
_BESIDES = """\
`--plan-out` writes its file whether or not the plan is carried out. Where `BILLING_AUDIT_FILE` is set, what a command
adds to the audit log in the database is added to that file as well."""
_ENVIRONMENT = """\
## Environment

What a command needs comes from the process environment or from the file of `--env-file`, which is `.env` if left out.

| needed | set |
|---|---|
{needs}

`LIVE=true` counts in the process environment only. `BILLING_CONFIG`, `BILLING_ACTOR`, `BILLING_AUDIT_FILE`,
`BILLING_LOG`, `BILLING_DEBUG` and `NO_COLOR` are heeded by every command they concern. All variables are explained
in [configuration.md](configuration.md).
"""


def document() -> str:
    """The whole of docs/commands.md."""
    parts = [_INTRODUCTION, _contents(), _global_options(), _writers(), _environment()]
    parts += [_section(words, command) for words, command in leaves().items()]
    return "\n".join(parts)


def _contents() -> str:
    lines = [
        "- [Global options](#global-options)",
        "- [What is written, and where](#what-is-written-and-where)",
        "- [Environment](#environment)",
    ]
    for words, command in leaves().items():
        lines.append(f"- [`billing {words}`](#billing-{words.replace(' ', '-')}): {purpose(command)}")
    return "\n".join(lines) + "\n"


def _global_options() -> str:
    said = "They go before the command, but for `-h` and `--help`, which every command has."
    return "\n".join(["## Global options", "", said, "", *_table("option", root(), _root_context()), ""])


def _writers() -> str:
    rows = [f"| `billing {words}` | {command.writes} |" for words, command in leaves().items()]
    return "\n".join(
        ["## What is written, and where", "", "| command | writes |", "|---|---|", *rows, "", _BESIDES, ""]
    )


def _environment() -> str:
    rows = [f"| {need} | {variables} |" for need, variables in NEEDS.items() if variables]
    return _ENVIRONMENT.format(needs="\n".join(rows))


def _section(words: str, command: Any) -> str:
    context = typer.Context(command, info_name=words, parent=_root_context())
    lines = [f"## billing {words}", "", *_paragraphs(command.help), "```text", command.get_usage(context), "```", ""]
    for kind in ("argument", "option"):
        table = _table(kind, command, context)
        lines += [*table, ""] if table else []
    lines += [f"- Writes: {command.writes}", f"- Needs: {command.needs}", "", "```", *command.examples, "```", ""]
    return "\n".join(lines)


def _root_context() -> typer.Context:
    return typer.Context(root(), info_name="billing", terminal_width=1000, help_option_names=["-h", "--help"])


def _paragraphs(text: str) -> list[str]:
    return [line for paragraph in text.split("\n\n") for line in (" ".join(paragraph.split()), "")]


def _table(kind: str, command: Any, context: typer.Context) -> list[str]:
    rows = [row for row in parameter_rows(command, context, kind) if "--help" not in row[0]]
    cells = [f"| `{_cell(name)}` | {_cell(' '.join(meaning.split()))} |" for name, meaning in rows]
    return [f"| {kind} | meaning |", "|---|---|", *cells] if cells else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    COMMANDS_MD.write_text(document(), encoding="utf-8")
