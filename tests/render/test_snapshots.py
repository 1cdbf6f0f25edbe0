"""The main tables as an operator sees them, at 80 and at 40 columns, beside committed snapshots.

Where a change is meant, look at it and renew them: RENEW_SNAPSHOTS=1 .venv/bin/python -m pytest tests/render/test_snapshots.py
"""

import io
import os
import re
from pathlib import Path

import pytest
from examples import comparison, money, readiness, records, story, usage
from rich.console import RenderableType

from billing_cli.domain.gate import Gates
from billing_cli.render.approvals import render_approvals
from billing_cli.render.audit import EntriesView, VerificationView
from billing_cli.render.batches import BatchView, render_batches
from billing_cli.render.doctor import DoctorView
from billing_cli.render.export import ExportPlanView
from billing_cli.render.money_plan import MoneyPlanView
from billing_cli.render.plans import CheckedPlansView
from billing_cli.render.reconcile import ReportView
from billing_cli.render.terminal import Terminal
from billing_cli.render.timeline import StoryView
from billing_cli.render.verify import VerifyPlanView
from billing_cli.render.webhooks import EventsView

SNAPSHOTS = Path(__file__).parent / "snapshots"
CLOSED = Gates(confirm=False, live=False)
VIEWS: dict[str, RenderableType] = {
    "export": ExportPlanView(usage.export_plan(), CLOSED),
    "refund": MoneyPlanView(money.refund_plan(), CLOSED),
    "refund-file": MoneyPlanView(money.refunds_plan(), CLOSED),
    "adjust": MoneyPlanView(money.adjust_plan(), CLOSED),
    "batches-list": render_batches([usage.INTERRUPTED, usage.VERIFIED]),
    "batches-show": BatchView(usage.INTERRUPTED, usage.ITEMS),
    "batches-verify": VerifyPlanView(usage.verify_plan(), CLOSED),
    "reconcile": ReportView(comparison.report()),
    "doctor": DoctorView(readiness.findings(), 0),
    "audit-list": EntriesView(records.AUDIT),
    "audit-verify": VerificationView(records.VERIFICATION, "billing-audit.jsonl", "billing-audit.jsonl", 3),
    "timeline": StoryView(story.story()),
    "webhooks-list": EventsView(records.EVENTS),
    "approvals-list": render_approvals(money.approvals()),
    "plans-check": CheckedPlansView(readiness.checked_plans()),
}
# Ids, digests, hashes and amounts: what is copied from the screen, and what is read out on the telephone.
WORTH = re.compile(
    r"\b(?:pi|in|re|evt|cus|acct|price|req|exp|int|apr)_\w{6,}|\b[0-9a-f]{16,}\b|\d[\d,]*\.\d\d(?= USD)|LIVE=true billing .*"
)


@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize("name", VIEWS)
def test_a_table_looks_as_it_did(name: str, width: int) -> None:
    file, text = SNAPSHOTS / f"{name}-{width}.txt", shown(VIEWS[name], width)
    if os.environ.get("RENEW_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize("name", VIEWS)
def test_what_is_copied_is_never_broken_or_cut(name: str, width: int) -> None:
    text = shown(VIEWS[name], width)
    whole = set(WORTH.findall(shown(VIEWS[name], 200)))
    assert {each for each in whole if each not in text} == set()
    assert not re.search(r"\w…", text)


def test_there_is_no_snapshot_of_nothing() -> None:
    assert {file.stem for file in SNAPSHOTS.iterdir()} == {f"{name}-{width}" for name in VIEWS for width in (40, 80)}


def shown(view: RenderableType, width: int) -> str:
    """Without the spaces that fill cells up."""
    out = io.StringIO()
    console = Terminal(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(view, crop=False)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
