"""Laws of a verdict: what Stripe counted is never called missing, what it did not is never called found."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from billing_cli.domain.batch import ItemState
from billing_cli.domain.meter_error import named_in
from billing_cli.domain.slot import SentItem, Slot
from billing_cli.domain.verification import RESEND_AFTER_S, Judged, Rules, Verdict, judge

NOW_S, LAG_S = 1_000_000.0, 3600
OURS, OTHER = "exp_1", "exp_2"
amounts = st.sampled_from([Decimal(text) for text in ("1", "2", "3", "0.1", "0.2", "7.25", "-1", "1000000.003")])
ages = st.sampled_from([60, LAG_S + 60, RESEND_AFTER_S + 60])
DOUBTFUL = (ItemState.ACCEPTED, ItemState.AMBIGUOUS, ItemState.MISSING, ItemState.SENDING, ItemState.CANCELLING)


@st.composite
def slots(draw: st.DrawFn) -> tuple[Slot, set[int], dict[str, str]]:
    """A slot, the items that Stripe counted, and those that it named as failed."""
    items, counted, certain, named = [], set(), set(), {}
    replaces = draw(st.booleans())
    for number in range(draw(st.integers(1, 7))):
        state = draw(st.sampled_from(DOUBTFUL))
        fate = draw(st.sampled_from(["counted", "lost", "named", "certain"]))
        fate = "counted" if fate == "certain" and state is not ItemState.ACCEPTED else fate
        items.append(sent(number, draw(amounts), state, draw(st.sampled_from([OURS, OTHER])), draw(ages), replaces))
        if fate in ("counted", "certain"):
            counted.add(number)
        if fate == "certain":
            certain.add(number)
        if fate == "named":
            named[items[-1].identifier] = "it failed"
    figures = [item.value for item in items if item.item_id in counted]
    total = sum((figures[-1:] if replaces else figures), Decimal(0))
    return Slot("cus_1", "calls", 0, 3600, Decimal(str(float(total))), items, frozenset(certain)), counted, named


def sent(
    number: int, value: Decimal, state: ItemState, batch: str = OURS, age_s: float = LAG_S + 60, replaces: bool = False
) -> SentItem:
    return SentItem(
        item_id=number,
        batch_id=batch,
        identifier=f"{batch}-{number}",
        company_id="co_1",
        meter="calls",
        stripe_customer_id="cus_1",
        event_name="calls",
        event_s=number,
        state=state,
        replaces=replaces,
        value=value,
        tried_s=NOW_S - age_s,
        verified_s=None,
    )


def judged(slot: Slot, named: dict[str, str] | None = None) -> Judged:
    return judge(slot, Rules(OURS, NOW_S, LAG_S, named or {}))


@given(slots())
def test_no_verdict_contradicts_what_happened(given_one: tuple[Slot, set[int], dict[str, str]]) -> None:
    slot, counted, named = given_one
    # Where totals replace each other, an older one that was counted or not comes to the same.
    standing = max(counted, default=-1)
    in_total = set(range(standing + 1)) if slot.replaces else counted
    found = judged(slot, named)
    if not slot.as_sent:  # of events that add up to what all of them do, which ones were lost is nothing to anybody
        assert set(found.found) <= in_total
        assert {change.item.item_id for change in found.changes if change.after is ItemState.ACCEPTED} <= in_total
        assert (
            not {
                change.item.item_id
                for change in found.changes
                if change.after is not ItemState.ACCEPTED and change.item.identifier not in named
            }
            & in_total
        )
    assert {change.item.batch_id for change in found.changes} <= {OURS}
    assert found.verdict is not Verdict.MORE


@given(slots())
def test_nothing_becomes_missing_within_the_lag_or_free_to_be_sent_within_a_day(
    given_one: tuple[Slot, set[int], dict[str, str]],
) -> None:
    slot, _, named = given_one
    for change in judge(slot, Rules(OURS, NOW_S, LAG_S, named, resend_missing=True)).changes:
        age_s = NOW_S - change.item.tried_s
        if change.after is ItemState.MISSING:
            assert age_s >= LAG_S
        if change.after is ItemState.REJECTED and change.item.identifier not in named:
            assert change.item.state in (ItemState.AMBIGUOUS, ItemState.MISSING)
            assert age_s >= RESEND_AFTER_S


@given(slots())
def test_what_was_missing_is_sent_again_only_on_demand(given_one: tuple[Slot, set[int], dict[str, str]]) -> None:
    slot, _, named = given_one
    for change in judged(slot, named).changes:
        if change.item.state is ItemState.MISSING and change.item.identifier not in named:
            assert change.after is ItemState.ACCEPTED


def test_what_was_being_taken_back_and_does_not_count_is_cancelled() -> None:
    items = [sent(1, Decimal(5), ItemState.ACCEPTED), sent(2, Decimal(3), ItemState.AMBIGUOUS, age_s=RESEND_AFTER_S)]
    items[1] = replace(items[1], cancel_asked=True)
    told = judged(Slot("cus_1", "calls", 0, 3600, Decimal(5), items))
    assert [(change.item.item_id, change.after) for change in told.changes] == [(2, ItemState.CANCELLED)]


@given(slots())
def test_a_total_that_nobody_knows_changes_only_what_stripe_named(
    given_one: tuple[Slot, set[int], dict[str, str]],
) -> None:
    slot, _, named = given_one
    unknown = Slot("cus_1", "calls", 0, 3600, None, slot.items, slot.certain)
    found = judged(unknown, named)
    assert (found.verdict, found.found) == (Verdict.UNKNOWN, ())
    assert {change.item.identifier for change in found.changes} <= set(named)
    assert judged(unknown).changes == []


@given(st.lists(st.tuples(st.sampled_from(["co_1", "co_2"]), amounts), min_size=1, max_size=5))
def test_where_companies_replaced_each_other_only_the_sum_of_their_last_values_is_found(
    events: list[tuple[str, Decimal]],
) -> None:
    items = [
        replace(sent(number, value, ItemState.ACCEPTED, replaces=True), company_id=company, whole=False)
        for number, (company, value) in enumerate(events)
    ]
    total = events[-1][1]
    found = judged(Slot("cus_1", "calls", 0, 3600, total, items))
    assert (found.verdict is Verdict.FOUND) == (sum(dict(events).values()) == total)
    assert {change.item.company_id for change in found.changes} <= {"co_1", "co_2"} - {events[-1][0]}
    assert {change.after for change in found.changes} <= {ItemState.MISSING}
    whole = sent(len(items), Decimal(9), ItemState.ACCEPTED, replaces=True)
    assert judged(Slot("cus_1", "calls", 0, 3600, Decimal(9), [*items, whole])).verdict is Verdict.FOUND


def test_what_an_error_names_helps_to_tell_the_rest() -> None:
    items = [sent(1, Decimal(5), ItemState.ACCEPTED), sent(2, Decimal(5), ItemState.ACCEPTED)]
    slot = Slot("cus_1", "calls", 0, 3600, Decimal(5), items)
    assert judged(slot).verdict is Verdict.UNTOLD
    told = judged(slot, {"exp_1-2": "it failed"})
    assert (told.verdict, list(told.found)) == (Verdict.LESS, [1])
    assert [(change.item.item_id, change.after, change.reason) for change in told.changes] == [
        (2, ItemState.REJECTED, "it failed")
    ]


def test_what_an_error_names_and_the_total_has_was_counted_by_a_later_try() -> None:
    slot = Slot("cus_1", "calls", 0, 3600, Decimal(5), [sent(1, Decimal(5), ItemState.ACCEPTED)])
    told = judged(slot, {"exp_1-1": "it failed"})
    assert (told.verdict, list(told.found), list(told.changes)) == (Verdict.FOUND, [1], [])


@given(slots(), st.integers(0, 9))
def test_with_an_item_in_doubt_no_total_is_more_and_the_true_difference_is_between_the_ends(
    given_one: tuple[Slot, set[int], dict[str, str]], foreign: int
) -> None:
    slot, counted, _ = given_one
    assert slot.total is not None
    total = slot.total + 10**9 * foreign
    slot = replace(slot, total=total)
    assume(slot.doubtful)
    assert judged(slot).verdict is not Verdict.MORE
    took = (ItemState.ACCEPTED, ItemState.MISSING)
    should = [item.value for item in slot.items if item.state in took or item.item_id in counted]
    true = total - sum(should[-1:] if slot.replaces else should, Decimal(0))
    assert slot.differences
    least, most = slot.differences
    assert least <= true <= most


def test_what_was_rolled_back_and_is_still_counted_is_more_than_was_sent() -> None:
    items = [sent(1, Decimal(5), ItemState.ACCEPTED), sent(2, Decimal(3), ItemState.CANCELLED)]
    slot = Slot("cus_1", "calls", 0, 3600, Decimal(8), items)
    assert judged(slot).verdict is Verdict.MORE
    lagging = [items[0], replace(items[1], tried_s=NOW_S - 60)]
    assert judged(Slot("cus_1", "calls", 0, 3600, Decimal(8), lagging)).verdict is Verdict.LATER
    assert judged(Slot("cus_1", "calls", 0, 3600, Decimal(5), items)).verdict is Verdict.FOUND


def test_the_same_amount_sent_anew_after_a_rollback_is_found_once_the_old_one_is_surely_gone() -> None:
    old, new = sent(1, Decimal(5), ItemState.CANCELLED), sent(2, Decimal(5), ItemState.ACCEPTED)
    found = judged(Slot("cus_1", "calls", 0, 3600, Decimal(5), [old, new]))
    assert (found.verdict, list(found.found)) == (Verdict.FOUND, [2])
    lagging = replace(old, tried_s=NOW_S - 60)
    assert judged(Slot("cus_1", "calls", 0, 3600, Decimal(5), [lagging, new])).verdict is Verdict.LATER


def test_errors_name_events_or_their_requests_and_duplicates_are_none() -> None:
    def error(code: str, *names: str) -> dict[str, object]:
        samples = [{"error_message": "No.", "request": {"identifier": name}} for name in names]
        return {"data": {"reason": {"error_types": [{"code": code, "sample_errors": samples}]}}}

    named = named_in([error("no_meter", "exp_1-1", "exp_1-2.3.1"), error("duplicate_meter_event", "exp_1-3"), {}])
    assert named == {"exp_1-1": "no_meter: No.", "exp_1-2": "no_meter: No."}
