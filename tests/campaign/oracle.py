"""What Stripe must have counted, worked out from the usage rows by means of its own, and what it did count."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaign.usage import BY_HOUR, LAST, SUM, Scene

# A receiver is a Stripe customer and an event name, which comes first here.
Totals = dict[tuple[str, str], Decimal]
Row = tuple[str, str, str | None, Decimal, datetime]
Hours = dict[tuple[str, str, int], Decimal]


@dataclass(frozen=True)
class Judgement:
    """By receiver, in the meter's unit; `unsettled` counts items a person has to look at.

    `outlived` is counted for hours of a meter that keeps the last value, at receivers that have no rows there any more;
    it is not part of `doubled`. `above` is by event name: the part of all receivers' totals beyond all usage. Rows that
    have no receiver now count for that with the most that can have been sent of them.
    """

    lost: Totals
    doubled: Totals
    outlived: Totals
    above: dict[str, Decimal]
    repeated_identifiers: int
    unsettled: int
    still_open: int
    unrouted_rows: int

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.outlived or self.repeated_identifiers or self.still_open)


def judge(scene: Scene) -> Judgement:
    """Compares Stripe with the usage table. An amount that was reported as not provable is neither lost nor doubled."""
    with scene.sql() as sql:
        rows = sql.execute(
            "select u.company_id, u.meter, c.stripe_customer_id, u.quantity, u.occurred_at "
            "from billing_usage_events u left join billing_companies c on c.company_id = u.company_id "
            "order by u.occurred_at, u.usage_event_id"
        ).fetchall()
        unsettled = sql.execute(
            "select event_name, stripe_customer_id, quantity from billing_export_items "
            "where state in ('ambiguous', 'missing')"
        ).fetchall()
        still_open = sql.execute(
            "select count(*) from billing_export_items where state in ('pending', 'sending', 'cancelling')"
        ).fetchone()
    events = scene.stripe.events()
    event_names = {meter: event_name for event_name, meter in scene.meters.items()}
    owed_by_hour, counted_by_hour = _owed(rows, event_names), _counted(events)
    # Of sums and whole hours, zero is a total like any other; a last value stands until another replaces it.
    outlived = _by_receiver(
        {key: value for key, value in counted_by_hour.items() if key[0] == LAST and key not in owed_by_hour}
    )
    owed, counted = _by_receiver(owed_by_hour), _by_receiver(counted_by_hour)
    doubt: Totals = defaultdict(Decimal)
    for event_name, customer, quantity in unsettled:
        doubt[event_name, customer] += abs(quantity)
    differences = {
        key: counted.get(key, Decimal(0)) - outlived.get(key, Decimal(0)) - owed.get(key, Decimal(0))
        for key in owed.keys() | counted.keys()
    }
    # An event that states a total may come twice: it replaces itself.
    identifiers = Counter(event["identifier"] for event in events if event["event_name"] == SUM)
    return Judgement(
        lost={key: -d for key, d in differences.items() if d < -doubt[key]},
        doubled={key: d for key, d in differences.items() if d > doubt[key]},
        outlived={key: value for key, value in outlived.items() if abs(value) > doubt[key]},
        above=_above(counted, owed, doubt, _most_of_unrouted(rows, event_names)),
        repeated_identifiers=sum(times - 1 for times in identifiers.values()),
        unsettled=len(unsettled),
        still_open=still_open[0] if still_open else 0,
        unrouted_rows=sum(1 for row in rows if row[2] is None),
    )


def _owed(rows: Iterable[Row], event_names: Mapping[str, str]) -> Hours:
    """Of rows that have a receiver now: sums, or the sum of last values.

    Every company and meter has a last value of its own in each hour. `rows` are in the order of time.
    """
    sums: Hours = defaultdict(Decimal)
    lasts: dict[tuple[str, str, int], tuple[str, Decimal]] = {}
    for company, meter, customer, quantity, moment in rows:
        hour = int(moment.timestamp()) // 3600
        if customer is not None and event_names[meter] == LAST:
            lasts[company, meter, hour] = (customer, quantity)
        elif customer is not None:
            sums[event_names[meter], customer, hour] += quantity
    for (_, meter, hour), (customer, quantity) in lasts.items():
        sums[event_names[meter], customer, hour] += quantity
    return sums


def _most_of_unrouted(rows: Iterable[Row], event_names: Mapping[str, str]) -> dict[str, Decimal]:
    """By event name, of rows that have no receiver now: what was sent of them stays, even if their total shrank since."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for _, meter, customer, quantity, _ in rows:
        if customer is None:
            sums[event_names[meter]] += max(quantity, Decimal(0))
    return sums


def _counted(events: Iterable[Mapping[str, str]]) -> Hours:
    """As Stripe adds up: every event, or the latest of each hour; among equals the one that came later."""
    sums: Hours = defaultdict(Decimal)
    latest: dict[tuple[str, str, int], int] = {}
    for event in events:
        at_s, value = int(event["timestamp"]), Decimal(event["value"])
        key = (event["event_name"], event["customer"], at_s // 3600)
        if event["event_name"] not in (BY_HOUR, LAST):
            sums[key] += value
        elif at_s >= latest.get(key, 0):
            latest[key], sums[key] = at_s, value
    return sums


def _by_receiver(hours: Hours) -> Totals:
    sums: Totals = defaultdict(Decimal)
    for (event_name, customer, _), quantity in hours.items():
        sums[event_name, customer] += quantity
    return {key: value for key, value in sums.items() if value}


def _above(counted: Totals, owed: Totals, doubt: Totals, unrouted: Mapping[str, Decimal]) -> dict[str, Decimal]:
    beyond: dict[str, Decimal] = defaultdict(Decimal)
    for (event_name, _), value in counted.items():
        beyond[event_name] += value
    for totals in (owed, doubt):
        for (event_name, _), value in totals.items():
            beyond[event_name] -= value
    for event_name, value in unrouted.items():
        beyond[event_name] -= value
    return {event_name: value for event_name, value in beyond.items() if value > 0}
