"""What Stripe must have counted, worked out from the usage rows by means of its own, and what it did count."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from support.usage import customer_of

from campaign.usage import BY_HOUR, LAST, SUM, Scene

Totals = dict[tuple[str, str], Decimal]
Row = tuple[str, str, Decimal, datetime]


@dataclass(frozen=True)
class Judgement:
    """By meter and customer, in the meter's unit; `unsettled` counts items a person has to look at."""

    lost: Totals
    doubled: Totals
    repeated_identifiers: int
    unsettled: int
    still_open: int

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.repeated_identifiers or self.still_open)


def judge(scene: Scene) -> Judgement:
    """Compares Stripe with the usage table. An amount that was reported as not provable is neither lost nor doubled."""
    with scene.sql() as sql:
        usage = sql.execute(
            "select company_id, meter, quantity, occurred_at from billing_usage_events order by occurred_at, usage_event_id"
        ).fetchall()
        unsettled = sql.execute(
            "select meter, stripe_customer_id, quantity from billing_export_items "
            "where state in ('ambiguous', 'missing')"
        ).fetchall()
        still_open = sql.execute(
            "select count(*) from billing_export_items where state in ('pending', 'sending', 'cancelling')"
        ).fetchone()
    events = scene.stripe.events()
    owed, counted = _owed(usage), _counted(events)
    doubt: Totals = defaultdict(Decimal)
    for meter, customer, quantity in unsettled:
        doubt[meter, customer] += abs(quantity)
    differences = {key: counted.get(key, Decimal(0)) - owed.get(key, Decimal(0)) for key in owed.keys() | counted}
    # An event that states a total may come twice: it replaces itself.
    identifiers = Counter(event["identifier"] for event in events if event["event_name"] == SUM)
    return Judgement(
        lost={key: -d for key, d in differences.items() if d < -doubt[key]},
        doubled={key: d for key, d in differences.items() if d > doubt[key]},
        repeated_identifiers=sum(times - 1 for times in identifiers.values()),
        unsettled=len(unsettled),
        still_open=still_open[0] if still_open else 0,
    )


def _owed(usage: Iterable[Row]) -> Totals:
    """Sums, or for the meter that keeps the last value the last one of each hour, added up."""
    sums: Totals = defaultdict(Decimal)
    lasts: dict[tuple[str, str, datetime], Decimal] = {}
    for company, meter, quantity, moment in usage:
        customer = customer_of(int(company.removeprefix("co_")))
        if meter == LAST:
            lasts[meter, customer, moment.replace(minute=0, second=0, microsecond=0)] = quantity
        else:
            sums[meter, customer] += quantity
    for (meter, customer, _), quantity in lasts.items():
        sums[meter, customer] += quantity
    return {key: value for key, value in sums.items() if value}


def _counted(events: Iterable[Mapping[str, str]]) -> Totals:
    """As Stripe adds up: every event, or the latest of each hour; among equals the one that came later."""
    sums: Totals = defaultdict(Decimal)
    latest: dict[tuple[str, str, int], tuple[int, Decimal]] = {}
    for event in events:
        meter, customer, at_s, value = (
            event["event_name"],
            event["customer"],
            int(event["timestamp"]),
            Decimal(event["value"]),
        )
        if meter not in (BY_HOUR, LAST):
            sums[meter, customer] += value
        elif at_s >= latest.get((meter, customer, at_s // 3600), (0, value))[0]:
            latest[meter, customer, at_s // 3600] = (at_s, value)
    for (meter, customer, _), (_, value) in latest.items():
        sums[meter, customer] += value
    return {key: value for key, value in sums.items() if value}
