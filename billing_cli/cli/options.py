"""The options that every write command has, in the same words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

Confirm = Annotated[bool, typer.Option("--confirm", help="Write; needs LIVE=true in the environment too.")]
Expect = Annotated[str | None, typer.Option(metavar="DIGEST", help="Refuse any plan but the one with this digest.")]
PlanOut = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the plan to a file, for apply and for approval.")
]
SignKey = Annotated[
    Path | None, typer.Option(metavar="KEY", help="Sign the plan file with this SSH key, as its maker.")
]


@dataclass(frozen=True)
class WriteOptions:
    """What the operator gave of them."""

    confirm: bool = False
    expect: str | None = None
    plan_out: Path | None = None
    sign_key: Path | None = None
