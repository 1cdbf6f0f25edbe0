"""What a command works with: the global options, the settings and the open database."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from billing_cli.cli.state import State, state_of

if TYPE_CHECKING:
    from billing_cli.domain.ports import Database
    from billing_cli.settings import Settings


@dataclass(frozen=True)
class Session:
    """Good until the command ends."""

    state: State
    settings: "Settings"
    database: "Database"


@contextmanager
def open_session(ctx: typer.Context) -> Iterator[Session]:
    from billing_cli import wiring

    state = state_of(ctx)
    settings = state.settings()
    with closing(wiring.open_database(settings)) as database:
        yield Session(state, settings, database)
