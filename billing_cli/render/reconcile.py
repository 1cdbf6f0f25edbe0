"""A comparison with Stripe: what agrees, what differs, and what every difference is called."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from billing_cli.domain.money import Money
from billing_cli.domain.quantity import plain
from billing_cli.domain.reconciliation import FINE, REASONS, Finding, PayoutProof, Report, Subject, Total, Verdict
from billing_cli.render import documents
from billing_cli.render.columns import Columns, amounts
from billing_cli.render.gates import render_identity
from billing_cli.render.money import shown
from billing_cli.render.numbers import grouped

AGREES = "Everything agrees."
SIDES = {"stripe": "Stripe's side", "here": "this side"}
_STYLES = {Verdict.MATCHED: "green", Verdict.IN_FLIGHT: "yellow"}


@dataclass(frozen=True)
class ReportView:
    """Totals a class and currency, then the differences; below each other where the terminal is narrow."""

    report: Report
    out: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        report = self.report
        yield render_identity(report.identity)
        yield Text(f"{span(report)}; Stripe's side from {report.source}", "dim")
        yield Text(f"{report.stripe_read:,} rows read of Stripe's side, {report.ours_read:,} of this side.")
        yield from _totals(report)
        yield from _left_out(report)
        yield from _proofs(report)
        yield from _saved(report, self.out is None)
        if report.agrees:
            text = agreement(report)
            yield Text(text, "bold green" if text == AGREES else "bold yellow")
            if self.out:
                yield Text(f"{self.out} holds no difference.", "dim")
            return
        yield Text(f"{report.different:,} differences", "bold red")
        yield from _named(report)
        if report.findings:
            yield from _findings(report)
        if len(report.findings) < report.different and not self.out:
            hidden = report.different - len(report.findings)
            yield Text(f"… and {hidden:,} more: add --limit, or --out differences.csv", "dim")
        if self.out:
            yield Text(f"All differences are in {self.out}.", "dim")


def agreement(report: Report) -> str:
    """What an exit code of 0 stands for: less than everything where nothing was compared, or not yet."""
    if not report.totals:
        return "Nothing to compare: no row of either side lies in this window."
    in_flight = sum(total.items for total in report.totals if total.verdict is Verdict.IN_FLIGHT)
    failed = sum(total.items for total in report.totals if total.reason == "failed_and_came_back")
    if failed:
        more = f"; {in_flight:,} in flight may still change" if in_flight else ""
        return f"Nothing differs, but {failed:,} payouts failed: their money is on the Stripe balance again{more}."
    return f"Nothing differs, and {in_flight:,} in flight may still change." if in_flight else AGREES


def span(report: Report) -> str:
    """What was compared, and over which instants."""
    window = report.window
    subject = "payments less their refunds until now," if report.subject is Subject.PAYMENTS else report.subject.value
    return f"{subject} {window.start:%Y-%m-%d %H:%M}Z up to {window.end:%Y-%m-%d %H:%M}Z"


def _totals(report: Report) -> Iterator[RenderableType]:
    sums = [_sum(verdict, unit, list(group)) for (verdict, unit), group in by_class(report.totals)]
    table = Columns(part for each in sums for part in _total_lines(report, each))
    table.add_column("class")
    for name in ("items", "rows at Stripe", "rows here", "at Stripe", "here", "difference"):
        table.add_column(name, justify="right")
    for each in sums:
        amounts = [
            shown_amount(report, value, each.unit) for value in (each.stripe, each.ours, each.stripe - each.ours)
        ]
        counts = [f"{number:,}" for number in (each.items, each.stripe_rows, each.our_rows)]
        table.add_row(Text(each.verdict.value, _STYLES.get(each.verdict, "red")), *counts, *amounts)
    if sums:
        yield table


def _total_lines(report: Report, each: Total) -> Iterator[RenderableType]:
    sides = (("  Stripe", each.stripe), ("  here", each.ours))
    head = Text(f"{each.verdict.value}: {each.items:,}", _STYLES.get(each.verdict, "red"))
    return amounts(head, [(name, shown_amount(report, value, each.unit)) for name, value in sides])


def by_class(totals: Sequence[Total]) -> Iterator[tuple[tuple[Verdict, str], Iterable[Total]]]:
    """Totals of one class and unit together, in the order of the classes."""
    order = list(Verdict)
    ordered = sorted(totals, key=lambda total: (order.index(total.verdict), total.unit))
    return ((key, group) for key, group in groupby(ordered, key=lambda total: (total.verdict, total.unit)))


def _sum(verdict: Verdict, unit: str, group: Sequence[Total]) -> Total:
    return Total(
        verdict,
        "",
        unit,
        sum(total.items for total in group),
        sum(total.stripe_rows for total in group),
        sum(total.our_rows for total in group),
        sum((total.stripe for total in group), Decimal(0)),
        sum((total.ours for total in group), Decimal(0)),
    )


def _left_out(report: Report) -> Iterator[RenderableType]:
    for each in report.left_out:
        money = shown_amount(report, each.amount, each.unit)
        yield Text(f"Not compared, on {SIDES[each.side]}: {each.rows:,} {each.what}, {money}", "dim")


def _proofs(report: Report) -> Iterator[RenderableType]:
    """Payouts that do not close at nothing, in full; the others in a line."""
    closed = [proof for proof in report.proofs if not proof.residual_minor]
    if closed:
        yield Text(f"{len(closed):,} payouts are the sum of their transactions, to the cent.", "green")
    for proof in report.proofs:
        if proof.residual_minor:
            yield from _proof(proof)


def _proof(proof: PayoutProof) -> Iterator[RenderableType]:
    def money(amount_minor: int) -> str:
        return shown(Money(amount_minor, proof.currency))

    yield Text(f"{proof.payout_id}, arrives {proof.arrival}", "bold")
    table = Table(show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", overflow="fold")
    table.add_row("opening", money(0))
    for line in proof.lines:
        table.add_row(f"{line.category} ({line.rows:,})", money(line.net_minor))
    table.add_row("paid out", money(-proof.paid_out_minor))
    table.add_row(Text("residual", "bold red"), money(-proof.residual_minor))
    yield table
    for suspect in proof.suspects:
        yield Text(f"  {suspect.transaction_id} {suspect.category} {money(suspect.net_minor)}: {suspect.why}", "yellow")


def _saved(report: Report, listed: bool) -> Iterator[RenderableType]:
    """How this run stands beside those that were saved."""
    saved = report.saved
    if saved is None:
        return
    yield Text(
        f"Since the run saved {saved.saved_at:%Y-%m-%d %H:%M}Z: {saved.new:,} new, {saved.still_open:,} still open, "
        f"{saved.gone_items:,} gone" + (f"; {saved.elsewhere:,} open in other windows." if saved.elsewhere else ".")
    )
    for each in saved.gone if listed else ():
        yield Text(f"  gone: {each.key or '-'}, {each.verdict.value}: {each.reason}", "green")


def _named(report: Report) -> Iterator[RenderableType]:
    """What each kind of difference means, with its sum."""
    for total in report.totals:
        if total.verdict not in FINE:
            off = shown_amount(report, total.stripe - total.ours, total.unit)
            yield Text(f"  {total.items:,} {total.verdict.value}, {off}: {_meaning(total.reason)}", "yellow")


def _meaning(reason: str) -> str:
    """The export's own reasons for skipping stand as they are."""
    return REASONS.get(reason, reason.replace("_", " "))


def _findings(report: Report) -> Iterator[RenderableType]:
    table = Columns(part for each in report.findings for part in _finding_lines(report, each))
    for name in ("class, reason", "id", "day, company"):
        table.add_column(name)
    for name in ("at Stripe", "here"):
        table.add_column(name, justify="right")
    for each in report.findings:
        what = Text.assemble((each.verdict.value, "red"), f"\n{each.reason}")
        who = f"{each.day or '-'}\n{each.company_id or each.customer_id or '-'}"
        if report.saved:
            who += f"\nopen since {each.known_since}" if each.known_since else "\nnew"
        table.add_row(what, each.key or "-", who, _side(report, each, "stripe"), _side(report, each, "ours"))
    yield table


def _finding_lines(report: Report, each: Finding) -> Iterator[RenderableType]:
    stripe, here = (cell.replace("\n", " ") for cell in finding_cells(report, each))
    yield Text(f"{each.verdict.value}: {each.reason}", "red")
    who = each.company_id or each.customer_id
    yield from amounts(f"  {each.key or '-'}" + (f"\n  {who}" if who else ""), [("  Stripe", stripe), ("  here", here)])


def finding_cells(report: Report, finding: Finding) -> tuple[str, str]:
    """What stands on Stripe's side and on ours."""
    return _side(report, finding, "stripe"), _side(report, finding, "ours")


def _side(report: Report, finding: Finding, side: str) -> str:
    amount, status = (finding.stripe, finding.stripe_status) if side == "stripe" else (finding.ours, finding.our_status)
    money = "-" if amount is None else shown_amount(report, amount, finding.unit)
    return f"{money}\n{status}" if status else money


def shown_amount(report: Report, value: Decimal, unit: str) -> str:
    """Money, or a quantity of a meter."""
    if report.subject is Subject.USAGE:
        return f"{grouped(value)} {unit}".strip()
    return shown(Money(int(value), unit)) if unit else f"{int(value):,}"


def report_document(report: Report) -> dict[str, object]:
    window = report.window
    return {
        "subject": report.subject.value,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "stripe_account_id": report.identity.account_id,
        "livemode": report.identity.livemode,
        "source": report.source,
        "rows_read": {"stripe": report.stripe_read, "here": report.ours_read},
        "totals": [
            {
                "class": total.verdict.value,
                "reason": total.reason,
                "items": total.items,
                "rows": {"stripe": total.stripe_rows, "here": total.our_rows},
                "stripe": _figure(report, total.stripe, total.unit),
                "here": _figure(report, total.ours, total.unit),
            }
            for total in report.totals
        ],
        "left_out": [
            {"what": each.what, "side": each.side, "rows": each.rows, "amount": _figure(report, each.amount, each.unit)}
            for each in report.left_out
        ],
        "saved": _saved_document(report),
        "payouts": [_proof_document(proof) for proof in report.proofs],
        "differences": report.different,
        "findings": [_finding_document(report, each) for each in report.findings],
    }


def _saved_document(report: Report) -> dict[str, object] | None:
    saved = report.saved
    if saved is None:
        return None
    return {
        "saved_at": saved.saved_at.isoformat(),
        "new": saved.new,
        "still_open": saved.still_open,
        "gone": saved.gone_items,
        "elsewhere": saved.elsewhere,
        "gone_findings": [_finding_document(report, each) for each in saved.gone],
    }


def _proof_document(proof: PayoutProof) -> dict[str, object]:
    def money(amount_minor: int) -> dict[str, object]:
        return Money(amount_minor, proof.currency).document()

    return {
        "payout_id": proof.payout_id,
        "arrival": proof.arrival.isoformat(),
        "opening": money(0),
        "categories": [
            {
                "category": line.category,
                "rows": line.rows,
                "gross": money(line.gross_minor),
                "fee": money(line.fee_minor),
                "net": money(line.net_minor),
            }
            for line in proof.lines
        ],
        "paid_out": money(proof.paid_out_minor),
        "closing": money(-proof.residual_minor),
        "residual": money(proof.residual_minor),
        "suspects": [
            {
                "transaction_id": suspect.transaction_id,
                "category": suspect.category,
                "net": money(suspect.net_minor),
                "why": suspect.why,
            }
            for suspect in proof.suspects
        ],
    }


def _finding_document(report: Report, each: Finding) -> dict[str, object]:
    return {
        "id": each.key,
        "class": each.verdict.value,
        "reason": each.reason,
        "stripe": None if each.stripe is None else _figure(report, each.stripe, each.unit),
        "here": None if each.ours is None else _figure(report, each.ours, each.unit),
        "stripe_status": each.stripe_status,
        "here_status": each.our_status,
        "company_id": each.company_id,
        "stripe_customer_id": each.customer_id,
        "day": each.day.isoformat() if each.day else None,
        "known_since": each.known_since.isoformat() if each.known_since else None,
    }


def _figure(report: Report, value: Decimal, unit: str) -> dict[str, object]:
    if report.subject is Subject.USAGE:
        return {"quantity": plain(value), "meter": unit}
    # Rows without a currency have none in their sum either.
    return {"amount_minor": int(value), "currency": unit or None}


def write_json(report: Report, findings: Iterable[Finding]) -> bytes:
    """The document with every difference."""
    fields = report_document(report) | {"findings": [_finding_document(report, each) for each in findings]}
    return documents.json_text("reconciliation", fields, indent=1).encode()
