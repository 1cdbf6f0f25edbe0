"""What several commands take, in the same words: ids, periods, and the options of every write command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from billing_cli.cli.completion import ids, words
from billing_cli.domain.period import PERIODS

Company = Annotated[
    str, typer.Argument(metavar="COMPANY", help="As in billing_companies.", autocompletion=ids("companies"))
]
OnlyCompany = Annotated[
    str | None, typer.Option("--company", metavar="COMPANY", help="Only this company.", autocompletion=ids("companies"))
]
BatchId = Annotated[
    str, typer.Argument(metavar="BATCH", help="exp_…; billing batches list has them.", autocompletion=ids("batches"))
]
Period = Annotated[
    str | None,
    typer.Option(
        "--period", metavar="NAME", help=f"Instead of dates: {', '.join(PERIODS)}.", autocompletion=words(*PERIODS)
    ),
]
Confirm = Annotated[bool, typer.Option("--confirm", help="Write; needs LIVE=true in the environment too.")]
Expect = Annotated[str | None, typer.Option(metavar="DIGEST", help="Refuse any plan but the one with this digest.")]
PlanOut = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the plan to a file, for apply and for approval.")
]
SignKey = Annotated[
    Path | None, typer.Option(metavar="KEY", help="Sign the plan file with this SSH key, as its maker.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=64,
        metavar="N",
        help="Send with N processes, and let others join: the same command here or on another machine does.",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate", min=0.1, max=1e6, metavar="N", help="At most N events a second, by all that send this batch."
    ),
]
Verify = Annotated[bool, typer.Option("--verify", help="After sending, wait until Stripe's totals have it all.")]
VerifyFor = Annotated[
    float, typer.Option("--verify-for", min=0, metavar="MINUTES", help="How long to wait for that at most.")
]


def newest_first(at_most: int) -> Any:
    """How many rows a list has."""
    return typer.Option(min=1, max=at_most, metavar="N", help="How many, newest first.")


@dataclass(frozen=True)
class SendOptions:
    """How a batch is sent, which is no part of its plan. Without `workers` by this process alone.

    With `verify_for_s`, Stripe's totals are waited for afterwards, so long at most.
    """

    workers: int | None = None
    rate: float | None = None
    verify_for_s: float | None = None

    @property
    def words(self) -> list[str]:
        words = ["--workers", str(self.workers)] if self.workers else []
        words += ["--rate", f"{self.rate:g}"] if self.rate else []
        waits = self.verify_for_s
        return words if waits is None else [*words, "--verify", "--verify-for", f"{waits / 60:g}"]


ALONE = SendOptions()


def send_options(workers: int | None, rate: float | None, verify: bool, verify_for_min: float) -> SendOptions:
    """As the operator gave them."""
    return SendOptions(workers, rate, 60 * verify_for_min if verify else None)


@dataclass(frozen=True)
class WriteOptions:
    """What the operator gave of them."""

    confirm: bool = False
    expect: str | None = None
    plan_out: Path | None = None
    sign_key: Path | None = None
