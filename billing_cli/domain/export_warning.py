"""Warnings of an export: what a person would have noticed in the plan. Nothing is held for them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_cli.domain.meter import MeterRoute
from billing_cli.domain.quantity import exact_sum, plain
from billing_cli.domain.usage import OddRows, UsageFacts, UsageLine

_UNUSUAL_FACTOR = 10
_NAMED = 5

# Every code, in the order of the documentation.
WARNING_CODES = (
    "no_rows",
    "undated_rows",
    "future_rows",
    "ancient_rows",
    "unusual",
    "negative_total",
    "bills_nobody",
    "meter_formula",
)


@dataclass(frozen=True)
class ExportWarning:
    """One of WARNING_CODES, and a sentence that names the numbers."""

    code: str
    sentence: str


def export_warnings(routes: Sequence[MeterRoute], usage: UsageFacts) -> Iterator[ExportWarning]:
    """The warnings that follow from the facts, in the order of WARNING_CODES for each subject."""
    if not usage.window_rows:
        yield ExportWarning("no_rows", "The window has no usage rows.")
    yield from odd_row_warnings(usage.odd_rows)
    for line in usage.lines:
        if line.buckets:
            yield from _of_total(line)
    yield from _unbilled(usage)
    yield from _formulas(routes, usage)


def sent_now(line: UsageLine) -> Decimal:
    """The change of Stripe's total by this run, without held corrections, in the meter's unit."""
    return exact_sum((line.to_send, line.corrections, -line.held_removed))


def odd_row_warnings(odd: OddRows) -> Iterator[ExportWarning]:
    """One for each kind of odd rows that there is."""
    for code, count, sentence in (
        ("undated_rows", odd.undated, "no occurred_at: no window includes such rows."),
        ("future_rows", odd.future, "an occurred_at in the future or at infinity: such rows wait until then."),
        ("ancient_rows", odd.ancient, "an occurred_at before 2010: Stripe accepts the last 35 days."),
    ):
        if count:
            yield ExportWarning(code, f"{count} {'usage row has' if count == 1 else 'usage rows have'} {sentence}")


def _of_total(line: UsageLine) -> Iterator[ExportWarning]:
    where = f"{line.company_id} {line.meter}"
    after = exact_sum((line.accepted, line.reserved, sent_now(line)))
    if after < 0:
        sentence = f"{where}: the total is negative ({plain(after)}); Stripe bills a negative period as 0."
        yield ExportWarning("negative_total", sentence)
    if line.usual is not None and line.usual > 0 and after >= _UNUSUAL_FACTOR * line.usual:
        sentence = f"{where}: {plain(after)} is ten times the usual {plain(line.usual)} or more."
        yield ExportWarning("unusual", sentence)


def _unbilled(usage: UsageFacts) -> Iterator[ExportWarning]:
    by_meter: dict[str, list[UsageLine]] = defaultdict(list)
    for line in usage.lines:
        if line.unbilled:
            by_meter[line.meter].append(line)
    for meter, lines in sorted(by_meter.items()):
        counted = plain(exact_sum(line.unbilled for line in lines))
        yield ExportWarning(
            "bills_nobody",
            f"Meter {meter}: Stripe counts {counted} and bills nobody for it: "
            f"no subscription to the meter at its time ({_some([line.company_id for line in lines])}).",
        )


def _formulas(routes: Sequence[MeterRoute], usage: UsageFacts) -> Iterator[ExportWarning]:
    metered = {line.event_name for line in usage.lines}
    skipped = {s.reason for s in usage.skipped}
    for route in routes:
        if route.problem == "meter_formula" and (route.problem in skipped or route.event_name in metered):
            yield ExportWarning(
                "meter_formula",
                f"Meter {route.meter}: its formula is {route.formula!r}; sum and last meters are sent.",
            )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
