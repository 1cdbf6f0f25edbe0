"""Meter events that count: by customer and hour, with exact totals, and what was cancelled of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import NamedTuple

# Sums never round: fifteen significant digits at any magnitude fit many times over.
EXACT = Context(prec=400)
HOUR_S = 3600
DEDUP_WINDOW_S = 24 * HOUR_S

# identifier, event name, customer, value, timestamp: as the journal keeps an event
Row = tuple[str, str, str, str, int]


class MeterEvent(NamedTuple):
    """`number` counts in order of arrival, over all meters."""

    identifier: str
    event_name: str
    customer: str
    value: Decimal
    timestamp: int
    received_s: float
    number: int

    @property
    def hour(self) -> int:
        return self.timestamp // HOUR_S * HOUR_S


@dataclass
class Usage:
    # When an identifier was last taken, counted or not.
    identifiers: dict[str, float] = field(default_factory=dict)
    # The last event that counted under an identifier and was not cancelled.
    latest: dict[str, MeterEvent] = field(default_factory=dict)
    counted: dict[tuple[str, str], dict[int, list[MeterEvent]]] = field(default_factory=dict)
    # With the moment of the cancellation, which summaries see later than we do.
    cancelled: dict[tuple[str, str], list[tuple[MeterEvent, float]]] = field(default_factory=dict)
    totals: dict[tuple[str, str, int], Decimal] = field(default_factory=dict)
    received: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0

    def is_taken(self, identifier: str, now_s: float) -> bool:
        """Whether an event with this identifier arrived in the last 24 hours."""
        received_s = self.identifiers.get(identifier)
        return received_s is not None and now_s - received_s < DEDUP_WINDOW_S

    def add(self, rows: list[Row], received_s: float) -> None:
        for identifier, event_name, customer, value, timestamp in rows:
            self.received += 1
            event = MeterEvent(identifier, event_name, customer, Decimal(value), timestamp, received_s, self.received)
            self.identifiers[identifier] = received_s
            self.latest[identifier] = event
            hours = self.counted.get((event_name, customer))
            if hours is None:
                hours = self.counted[event_name, customer] = {}
            hours.setdefault(event.hour, []).append(event)
            self._sum(event, event.value)
        self.accepted += len(rows)

    def cancel(self, identifier: str, at_s: float) -> None:
        event = self.latest.pop(identifier)
        self.counted[event.event_name, event.customer][event.hour].remove(event)
        self.cancelled.setdefault((event.event_name, event.customer), []).append((event, at_s))
        self.accepted -= 1
        self._sum(event, -event.value)

    def events(self) -> Iterator[MeterEvent]:
        for hours in self.counted.values():
            for events in hours.values():
                yield from events

    def seen(self, event_name: str, customer: str, start: int, end: int, until_s: float) -> Iterator[MeterEvent]:
        """Those with a timestamp in [start, end), as somebody saw them who knew what happened up to `until_s`."""
        hours = self.counted.get((event_name, customer), {})
        for hour in _overlapping(hours, start, end):
            for event in hours[hour]:
                if start <= event.timestamp < end and event.received_s <= until_s:
                    yield event
        for event, cancelled_s in self.cancelled.get((event_name, customer), ()):
            if start <= event.timestamp < end and event.received_s <= until_s < cancelled_s:
                yield event

    def _sum(self, event: MeterEvent, value: Decimal) -> None:
        key = (event.event_name, event.customer, event.hour)
        total = self.totals.get(key)
        self.totals[key] = value if total is None else EXACT.add(total, value)


def _overlapping(hours: dict[int, list[MeterEvent]], start: int, end: int) -> list[int]:
    """The hours that overlap [start, end): looked up one by one, or sifted, whichever is less work."""
    first = start // HOUR_S * HOUR_S
    if (end - first) // HOUR_S < len(hours):
        return [hour for hour in range(first, end, HOUR_S) if hour in hours]
    return [hour for hour in hours if first <= hour < end]
