"""Every command by name. Its module is imported when the command is called, for a run needs one of them only."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from billing_cli.cli.help import Command, Group
from billing_cli.domain.errors import BillingError

# What the list of commands says of each: the first paragraph of its own help.
COMMANDS = {
    "export": "Send usage to Stripe's meters: usage minus what was sent.",
    "refund": "Give money back: all that remains of a payment, or a part.",
    "adjust": "Charge or credit a company by hand: an invoice item, its balance, a credit note, or a credit grant.",
    "apply": "Carry out a saved plan. The facts are loaded again; if anything differs, it is named and refused.",
    "download-invoice": "Download invoices as PDF. A second run fetches only what is missing or has changed.",
    "journal": "Print a month's balance transactions as journal entries, by the chart of accounts in billing.toml.",
    "reconcile": "Compare our rows with Stripe's, every one of both sides; exit 3 on any difference.",
    "verify-webhook": "Check a webhook's signature and say why it fails. Works offline; exit 3 where it is not "
    "Stripe's.",
    "doctor": "Check whether this environment is ready; every failure comes with its next step. Exit 3 on a failure.",
    "batches": "Look at exports; finish, verify or take back one of them.",
    "intents": "Look at refunds, charges and credits that were begun; finish them.",
    "invoices": "List invoices; mark one as paid outside of Stripe, void it, or write it off.",
    "webhooks": "Keep Stripe's events, find the gaps in them, send them again.",
    "approvals": "Approve another person's plan; list and revoke approvals.",
    "timeline": "Tell what happened to one company, in time order, with Stripe's request ids; personal data is masked.",
    "audit": "Show who did what, and prove that nobody changed the log.",
    "plans": "Show the prices of each plan, and check them against Stripe.",
    "db": "Show and apply the tables and functions that billing needs in Postgres.",
    "sandbox": "Run a private Stripe and Postgres to rehearse on.",
}


class Commands(Group):
    """Lists all commands, and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: TyperCommand(name, help=says) for name, says in COMMANDS.items()})

    def invoke(self, ctx: Any) -> Any:
        """As it was; an error names commands with the global options of the one that it stopped."""
        try:
            return super().invoke(ctx)
        except BillingError as error:
            error.message, error.next_step = map(ctx.obj.command, (error.message, error.next_step))
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As it was, but for the loading."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = load_command(args[0])
        return super().resolve_command(ctx, args)


def load_command(name: str) -> Any:
    """The command or group `name`: a function or `…_app` in the module that is named like it."""
    stem = name.replace("-", "_")
    module = import_module(f"billing_cli.cli.{stem}")
    group: typer.Typer | None = getattr(module, f"{stem}_app", None)
    if group is not None:
        command: Any = typer.main.get_group(group)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, cls=Command)(getattr(module, stem))
        command = typer.main.get_command(alone)
    command.name = name
    return command
