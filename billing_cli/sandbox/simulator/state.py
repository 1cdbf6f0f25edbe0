"""Everything the simulated account holds; every change is a journal record applied here."""

import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from billing_cli.sandbox.simulator.error_reports import add_to_report
from billing_cli.sandbox.simulator.journal import Journal
from billing_cli.sandbox.simulator.timeline import Timeline
from billing_cli.sandbox.simulator.usage import Usage

LOG_SIZE = 200_000


class LogLine(NamedTuple):
    method: str
    path: str
    status: int
    at_s: float
    identifier: str | None
    # How many meter events a request to the stream carried.
    events: int | None = None
    idempotency_key: str | None = None


class StreamSession(NamedTuple):
    expires_s: float
    livemode: bool


class StoredAnswer(NamedTuple):
    fingerprint: str
    status: int
    body: str
    at_s: float


class Delivery(NamedTuple):
    """One event on its way to one webhook endpoint: pending, succeeded or given_up."""

    event: str
    endpoint: str
    queued_at: float
    next_at: float
    state: str = "pending"
    attempts: int = 0
    last_status: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.event, self.endpoint


@dataclass
class Settings:
    """Switches an operator may turn while the simulator runs."""

    rate: float = 0.0
    lag_s: float = 0.0
    serial: bool = True
    # Meter events a second over the stream, whatever the number of requests; 0 is no limit.
    stream_rate: float = 0.0
    # Stripe has the stream in live mode only.
    stream_in_test_mode: bool = True
    # How many identifiers an error report names for each reason.
    error_sample: int = 5
    # Which event is the last one of a window: by "timestamp" and then by arrival, or as "received".
    last_by: Literal["timestamp", "received"] = "timestamp"
    # How often a report run is asked for before it is over, and how it then failed, if it did.
    report_polls: int = 1
    report_error: str = ""
    # What restricted keys (rk_) may do; empty is everything.
    restricted_to: list[str] = field(default_factory=list)


@dataclass
class Contents:
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    active_meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    sessions: dict[str, StreamSession] = field(default_factory=dict)
    # Legacy usage records: the quantity at each timestamp of a subscription item.
    usage_records: dict[str, dict[int, int]] = field(default_factory=dict)
    answers: dict[str, StoredAnswer] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    thin_events: list[dict[str, Any]] = field(default_factory=list)
    events_by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    deliveries: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    # Of these, the ones that have not succeeded.
    undelivered: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    clock_offset_s: float = 0.0
    # Everything else Stripe has, by noun ("refund", "invoice", …) and id, oldest first.
    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    timelines: dict[str, Timeline] = field(default_factory=dict)


class State:
    def __init__(self, directory: Path, settings: Settings) -> None:
        self.settings = settings
        self._initial = replace(settings)
        self.contents = Contents()
        self.log: deque[LogLine] = deque(maxlen=LOG_SIZE)
        self.request_count = 0
        # Calls that the rate limit itself refused; faults are not among them.
        self.rate_limited = 0
        # Permissions that calls with restricted keys needed.
        self.asked: set[str] = set()
        self.journal = Journal(directory / "stripe.jsonl")
        for record in self.journal.replay():
            self.apply(record)

    def now_s(self) -> float:
        return time.time() + self.contents.clock_offset_s

    def commit(self, record: dict[str, Any]) -> None:
        self.journal.append(record)
        self.apply(record)

    def objects(self, noun: str) -> dict[str, dict[str, Any]]:
        return self.contents.objects.get(noun, {})

    def timeline(self, noun: str) -> Timeline:
        return self.contents.timelines.setdefault(noun, Timeline())

    def put(self, noun: str, document: dict[str, Any], at_s: float, event: str | None = None) -> None:
        """Create or replace an object; `event` is the type of the Stripe event that tells of it."""
        self.commit({"op": "object", "noun": noun, "object": document, "at": at_s, "event": event})

    def reject(self, identifier: str, event_name: str, fault: tuple[str, str], at_s: float, livemode: bool) -> None:
        """Keep a meter event out, for the reason that is only reported."""
        meter = self.contents.active_meters.get(event_name)
        self.commit(
            {
                "op": "rejected",
                "id": identifier,
                "scope": event_name,
                "meter": meter["id"] if meter else None,
                "code": fault[0],
                "why": fault[1],
                "sample": self.settings.error_sample,
                "live": livemode,
                "at": at_s,
            }
        )

    def recorded(self, item_id: str, start: int, end: int) -> int:
        """The usage records of a subscription item with a timestamp in [start, end), added up."""
        records = self.contents.usage_records.get(item_id, {})
        return sum(quantity for timestamp, quantity in records.items() if start <= timestamp < end)

    def put_delivery(self, delivery: Delivery) -> None:
        self.commit({"op": "delivery", "delivery": delivery._asdict()})

    def reset(self) -> None:
        self.journal.clear()
        self.contents = Contents()
        self.settings = replace(self._initial)
        self.log.clear()
        self.request_count = self.rate_limited = 0
        self.asked.clear()

    def apply(self, record: dict[str, Any]) -> None:
        getattr(self, f"_apply_{record['op']}")(record)

    def _apply_meter_events(self, record: dict[str, Any]) -> None:
        self.contents.usage.add(record["rows"], record["at"])

    def _apply_cancel(self, record: dict[str, Any]) -> None:
        self.contents.usage.cancel(record["id"], record["at"])

    def _apply_duplicates(self, record: dict[str, Any]) -> None:
        self.contents.usage.duplicates += record["count"]

    def _apply_rejected(self, record: dict[str, Any]) -> None:
        c = self.contents
        c.usage.identifiers[record["id"]] = record["at"]
        c.usage.rejected += 1
        if event := add_to_report(c.reports, record, len(c.thin_events) + 1):
            c.thin_events.append(event)
            self._send(event, record["at"])

    def _apply_usage_record(self, record: dict[str, Any]) -> None:
        records = self.contents.usage_records.setdefault(record["item"], {})
        before = records.get(record["timestamp"], 0) if record["action"] == "increment" else 0
        records[record["timestamp"]] = before + record["quantity"]

    def _apply_session(self, record: dict[str, Any]) -> None:
        self.contents.sessions[record["token"]] = StreamSession(record["expires_s"], record["live"])

    def _apply_object(self, record: dict[str, Any]) -> None:
        document = record["object"]
        self.contents.objects.setdefault(record["noun"], {})[document["id"]] = document
        if "created" in document:
            self.timeline(record["noun"]).put(document["id"], document["created"])
        if record["event"]:
            self._tell(record["event"], document, record["at"])

    def _apply_customer(self, record: dict[str, Any]) -> None:
        customer = record["object"]
        known = customer["id"] in self.contents.customers
        self.contents.customers[customer["id"]] = customer
        if not record.get("quiet"):
            kind = "deleted" if customer.get("deleted") else "updated" if known else "created"
            self._tell(f"customer.{kind}", customer, record["at"])

    def _apply_meter(self, record: dict[str, Any]) -> None:
        c, meter = self.contents, record["object"]
        known = meter["id"] in c.meters
        c.meters[meter["id"]] = meter
        if meter["status"] == "active":
            c.active_meters[meter["event_name"]] = meter
        elif c.active_meters.get(meter["event_name"], meter)["id"] == meter["id"]:
            c.active_meters.pop(meter["event_name"], None)
        if not record.get("quiet"):
            self._tell(f"billing.meter.{'updated' if known else 'created'}", meter, record["at"])

    def _tell(self, kind: str, document: dict[str, Any], at_s: float) -> None:
        event = {
            "id": f"evt_{len(self.contents.events) + 1:08d}",
            "object": "event",
            "type": kind,
            "created": int(at_s),
            "livemode": document.get("livemode", False),
            "pending_webhooks": 0,
            "data": {"object": dict(document)},
        }
        self.contents.events.append(event)
        self._send(event, at_s)

    def _apply_event(self, record: dict[str, Any]) -> None:
        event = record["event"]
        self.contents.events.append(event)
        self._send(event, event["created"])

    def _send(self, event: dict[str, Any], at_s: float) -> None:
        """Queue it for the webhook endpoints that were there when it happened."""
        self.contents.events_by_id[event["id"]] = event
        for endpoint in self.objects("webhook_endpoint").values():
            if endpoint.get("status") == "enabled" and int(at_s) >= endpoint["created"]:
                kinds = endpoint["enabled_events"]
                if "*" in kinds or event["type"] in kinds:
                    self._keep(Delivery(event["id"], endpoint["id"], at_s, at_s))

    def _keep(self, delivery: Delivery) -> None:
        self.contents.deliveries[delivery.key] = delivery
        if delivery.state == "succeeded":
            self.contents.undelivered.pop(delivery.key, None)
        else:
            self.contents.undelivered[delivery.key] = delivery

    def _apply_delivery(self, record: dict[str, Any]) -> None:
        self._keep(Delivery(**record["delivery"]))

    def _apply_answer(self, record: dict[str, Any]) -> None:
        self.contents.answers[record["key"]] = StoredAnswer(
            record["print"], record["status"], record["body"], record["at"]
        )

    def _apply_clock(self, record: dict[str, Any]) -> None:
        self.contents.clock_offset_s = record["offset_s"]
