"""What an operator sees of a batch beside Stripe's totals, at any width."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from rich.console import Console, RenderableType

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import ItemState
from billing_cli.domain.gate import Gates
from billing_cli.domain.slot import SentItem, Slot
from billing_cli.domain.verification import SAID, Change, Judged, Verdict
from billing_cli.domain.verify_plan import Comparison, VerifyPlan, plan_verify
from billing_cli.render.verify import ComparisonView, VerifiedView, VerifyPlanView, next_verifications, verify_document

from .test_batches import DONE

IDENTITY = StripeIdentity("acct_1", livemode=False, key_is_live=False)
ITEM = SentItem(
    item_id=1,
    batch_id=DONE.batch_id,
    identifier=f"{DONE.batch_id}-1",
    company_id="co_[bold]1",
    meter="api_calls",
    stripe_customer_id="cus_1",
    event_name="api_requests",
    event_s=1_793_538_000,
    state=ItemState.ACCEPTED,
    replaces=False,
    value=Decimal("1234567.25"),
    tried_s=0,
    verified_s=None,
)
SLOT = Slot("cus_1", "api_requests", 1_793_538_000, 3600, Decimal("67.25"), [ITEM])
CHANGE = Change(ITEM, ItemState.MISSING, "Stripe took it, and its total of that time does not have it.")
SILENT = replace(SLOT, total=None)
COMPARISON = Comparison(
    slots={Verdict.FOUND: 1600, Verdict.LATER: 7, Verdict.LESS: 1, Verdict.UNKNOWN: 1},
    found=list(range(1600)),
    changes=[CHANGE] * 40,
    shown=[Judged(SLOT, Verdict.LESS, changes=[CHANGE]), Judged(SILENT, Verdict.UNKNOWN)] * 20,
    usage_records=3,
    verified_before=12,
)
PLAN = plan_verify(DONE, IDENTITY, COMPARISON, again=False, resend_missing=False)
EMPTY: VerifyPlan = plan_verify(DONE, IDENTITY, Comparison({}, [], [], [], 0, 0), again=False, resend_missing=False)


def shown(renderable: RenderableType, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_wider_than_the_terminal_and_all_figures_are_there(width: int) -> None:
    for view in (VerifyPlanView(PLAN, Gates(confirm=False, live=False)), VerifiedView(PLAN)):
        text = shown(view, width)
        assert max(map(len, text.splitlines())) <= width
        flat = " ".join(text.split())
        assert all(part in flat for part in ("1,600", "1,234,567.25", "67.25", "cus_1", "co_[bold]1", "10 more"))
        assert f"{ITEM.identifier} of cus_1: accepted → missing" in flat
        assert all(word in flat for verdict in COMPARISON.slots for word in SAID[verdict].split())
        assert "3 usage records cannot be verified" in flat


@pytest.mark.parametrize("width", [40, 120])
def test_an_amount_in_doubt_is_shown_and_leads_to_what_is_ambiguous_and_never_to_a_credit(width: int) -> None:
    doubtful = replace(ITEM, state=ItemState.AMBIGUOUS, value=Decimal(268))
    judged = Judged(replace(SLOT, total=Decimal(285), items=[doubtful]), Verdict.UNTOLD)
    compared = Comparison({Verdict.UNTOLD: 1}, [], [], [judged], 0, 0)
    flat = " ".join(shown(ComparisonView(compared), width).split())
    assert "“Items are ambiguous”" in flat
    assert "Stripe counts less or more" not in flat
    assert ("268 in doubt" in flat) if width == 40 else ("in doubt 268" in flat and "17 to 285" in flat)


def test_a_verified_batch_says_so_and_a_lagging_one_names_the_next_command() -> None:
    later = plan_verify(DONE, IDENTITY, replace(COMPARISON, shown=[], changes=[]), again=False, resend_missing=False)
    assert next_verifications([later]) == [f"LIVE=true billing batches verify {DONE.batch_id} --confirm"]
    verified = replace(EMPTY, batch=replace(DONE, verified_at="2026-11-02T03:00:00+00:00"))
    assert "Stripe's totals have every event" in shown(VerifiedView(verified))
    assert "Nothing is left to compare." in shown(VerifiedView(EMPTY))


def test_the_document_has_every_wrong_total_and_change() -> None:
    document = verify_document(PLAN, Gates(confirm=False, live=False))
    assert document["totals"] == {"found": 1600, "later": 7, "less": 1, "untold": 0, "more": 0, "unknown": 1}
    wrong = document["wrong"]
    assert isinstance(wrong, list)
    assert len(wrong) == 40
    assert (wrong[0]["stripe"], wrong[0]["sent"], wrong[0]["difference"]) == ("67.25", "1234567.25", "-1234500")
    assert (wrong[1]["stripe"], wrong[1]["difference"]) == (None, None)
    changes = document["changes"]
    assert isinstance(changes, list)
    assert (changes[0]["stripe_customer_id"], changes[0]["event_name"]) == ("cus_1", "api_requests")


def test_the_digest_names_what_is_written_down() -> None:
    assert EMPTY.empty
    assert not PLAN.empty
    fewer = plan_verify(DONE, IDENTITY, replace(COMPARISON, found=[1]), again=False, resend_missing=False)
    others = plan_verify(DONE, IDENTITY, replace(COMPARISON, changes=[]), again=False, resend_missing=False)
    assert len({PLAN.digest, fewer.digest, others.digest, EMPTY.digest}) == 4
