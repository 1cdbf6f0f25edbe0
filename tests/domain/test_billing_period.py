"""Up to where each customer's usage is invoiced, from subscriptions and drafts alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing_cli.domain.billing_period import Billing, OpenPeriod, SubscribedItem, open_periods
from billing_cli.domain.period import Window

DAY_0 = datetime(2026, 10, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


def item(
    start: float,
    ended: float | None = None,
    *drafts: tuple[float, float],
    began: float = -100,
    name: str = "si_1",
) -> SubscribedItem:
    return SubscribedItem(
        "cus_1",
        "api_calls",
        name,
        day(began),
        day(start),
        None if ended is None else day(ended),
        tuple((day(first), day(last)) for first, last in drafts),
    )


def only(*items: SubscribedItem) -> OpenPeriod:
    (period,) = open_periods(items)
    return period


def test_what_was_used_in_the_present_period_is_open() -> None:
    assert only(item(0)) == OpenPeriod("cus_1", "api_calls", "si_1", day(-100), day(0), day(0), None)


def test_a_draft_keeps_the_period_before_open() -> None:
    assert only(item(0, None, (-30, 0))).open_from == day(-30)
    assert only(item(0, None, (-60, -30), (-30, 0))).open_from == day(-60)


def test_a_draft_before_a_final_invoice_opens_nothing() -> None:
    assert only(item(0, None, (-60, -30))).open_from == day(0)


def test_of_several_subscriptions_the_earliest_open_period_counts() -> None:
    found = open_periods([item(5, began=-3, name="si_1"), item(2, began=1, name="si_2")])
    assert {(each.subscription_item, each.open_from, each.began) for each in found} == {
        ("si_1", day(2), day(-3)),
        ("si_2", day(2), day(-3)),
    }


def test_an_ended_subscription_bills_nothing_but_its_drafts() -> None:
    ended = only(item(0, 10))
    assert (ended.open_from, ended.open_until) == (day(10), day(10))
    drafted = only(item(0, 10, (0, 10)))
    assert (drafted.open_from, drafted.open_until) == (day(0), day(10))


def test_a_living_subscription_follows_on_an_ended_one() -> None:
    found = only(item(0, 10, (0, 10), name="si_old"), item(10, began=10, name="si_new"))
    assert (found.subscription_item, found.open_from, found.began, found.open_until) == (
        "si_new", day(0), day(-100), None,
    )  # fmt: skip
    gap = only(item(0, 9, (0, 9), name="si_old"), item(10, began=10, name="si_new"))
    assert gap.open_from == day(10)


def test_customers_and_meters_are_apart() -> None:
    other = SubscribedItem("cus_2", "api_calls", "si_9", day(0), day(7))
    assert {(each.stripe_customer_id, each.open_from) for each in open_periods([item(3), other])} == {
        ("cus_1", day(3)),
        ("cus_2", day(7)),
    }


def test_only_what_the_window_has_closed_hours_of_is_handed_on() -> None:
    window = Window(day(1), day(2))

    def handed_on(*items: SubscribedItem, always: frozenset[str] = frozenset()) -> int:
        found = Billing(periods=tuple(open_periods(items))).document(window, always)
        assert found is not None
        return len(found)

    assert handed_on(item(1)) == 0
    assert handed_on(item(1), always=frozenset({"api_calls"})) == 1
    assert handed_on(item(1.5)) == 1
    assert handed_on(item(0, 1.5, (0, 1.5))) == 1
    assert handed_on(item(0, 2, (0, 2))) == 0
    assert Billing().document(window) is None


moments = st.integers(-60, 60)
spans = st.tuples(moments, st.integers(1, 40)).map(lambda pair: (pair[0], pair[0] + pair[1]))
items = st.lists(
    st.builds(
        lambda start, ended, drafts: item(start, None if ended is None else start + ended, *drafts),
        moments,
        st.none() | st.integers(1, 30),
        st.lists(spans, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@given(items)
def test_every_hour_from_the_open_start_on_is_in_a_period_that_is_not_final(found: list[SubscribedItem]) -> None:
    for period in open_periods(found):
        until = period.open_until or day(200)
        covers = [draft for each in found for draft in each.drafts]
        covers += [(each.period_start, day(200)) for each in found if each.ended is None]
        moment = period.open_from
        while moment < until:
            reached = [last for first, last in covers if first <= moment < last]
            assert reached, f"nobody would bill {moment}"
            moment = max(reached)
