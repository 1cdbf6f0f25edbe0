"""Everything the simulated account holds; every change is a journal record applied here."""

import time
from collections import deque
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from billing_cli.sandbox.simulator.journal import Journal
from billing_cli.sandbox.simulator.timeline import Timeline

# Sums never round: fifteen significant digits at any magnitude fit many times over.
EXACT = Context(prec=400)
HOUR_S = 3600
DEDUP_WINDOW_S = 24 * HOUR_S
REPORT_WINDOW_S = 10
SAMPLE_SIZE = 5
LOG_SIZE = 200_000


class MeterEvent(NamedTuple):
    identifier: str
    event_name: str
    customer: str
    value: Decimal
    timestamp: int
    received_s: float


class LogLine(NamedTuple):
    method: str
    path: str
    status: int
    at_s: float
    identifier: str | None


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
    # How often a report run is asked for before it is over, and how it then failed, if it did.
    report_polls: int = 1
    report_error: str = ""


@dataclass
class Contents:
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    active_meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    identifiers: dict[str, float] = field(default_factory=dict)
    accepted: dict[tuple[str, str], list[MeterEvent]] = field(default_factory=dict)
    totals: dict[tuple[str, str, int], Decimal] = field(default_factory=dict)
    accepted_count: int = 0
    rejected_count: int = 0
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

    def put_delivery(self, delivery: Delivery) -> None:
        self.commit({"op": "delivery", "delivery": delivery._asdict()})

    def reset(self) -> None:
        self.journal.clear()
        self.contents = Contents()
        self.settings = replace(self._initial)
        self.log.clear()
        self.request_count = 0

    def apply(self, record: dict[str, Any]) -> None:
        getattr(self, f"_apply_{record['op']}")(record)

    def _apply_meter_event(self, record: dict[str, Any]) -> None:
        c = self.contents
        event = MeterEvent(
            record["id"], record["name"], record["cus"], Decimal(record["value"]), record["ts"], record["at"]
        )
        c.identifiers[event.identifier] = event.received_s
        c.accepted.setdefault((event.event_name, event.customer), []).append(event)
        c.accepted_count += 1
        self._count(event, event.value)

    def _count(self, event: MeterEvent, value: Decimal) -> None:
        key = (event.event_name, event.customer, event.timestamp // HOUR_S * HOUR_S)
        totals = self.contents.totals
        totals[key] = EXACT.add(totals.get(key, Decimal(0)), value)

    def _apply_cancel(self, record: dict[str, Any]) -> None:
        for event in self.find_events(record["name"], record["id"]):
            self.contents.accepted[(event.event_name, event.customer)].remove(event)
            self.contents.accepted_count -= 1
            self._count(event, -event.value)

    def find_events(self, event_name: str, identifier: str) -> list[MeterEvent]:
        return [
            event
            for (name, _), events in self.contents.accepted.items()
            if name == event_name
            for event in events
            if event.identifier == identifier
        ]

    def _apply_rejected(self, record: dict[str, Any]) -> None:
        """Stripe reports asynchronous failures as thin events that count all and sample a few."""
        c = self.contents
        c.identifiers[record["id"]] = record["at"]
        c.rejected_count += 1
        report = c.reports.get(record["scope"])
        if report is None or record["at"] - report["opened_s"] > REPORT_WINDOW_S:
            report = self._open_report(record)
        reason = report["event"]["data"]["reason"]
        reason["error_count"] += 1
        kind = next((k for k in reason["error_types"] if k["code"] == record["code"]), None)
        if kind is None:
            kind = {"code": record["code"], "error_count": 0, "sample_errors": []}
            reason["error_types"].append(kind)
        kind["error_count"] += 1
        if len(kind["sample_errors"]) < SAMPLE_SIZE:
            kind["sample_errors"].append({"error_message": record["why"], "request": {"identifier": record["id"]}})

    def _open_report(self, record: dict[str, Any]) -> dict[str, Any]:
        c = self.contents
        found = record["meter"] is not None
        event: dict[str, Any] = {
            "id": f"evt_test_{len(c.thin_events) + 1:08d}",
            "object": "v2.core.event",
            "type": "v1.billing.meter." + ("error_report_triggered" if found else "no_meter_found"),
            "created": iso(record["at"]),
            "livemode": record["live"],
            "data": {
                "developer_message_summary": "There were invalid meter events.",
                "reason": {"error_count": 0, "error_types": []},
                "validation_start": iso(record["at"]),
                "validation_end": iso(record["at"] + REPORT_WINDOW_S),
            },
        }
        if found:
            event["related_object"] = {
                "id": record["meter"],
                "type": "billing.meter",
                "url": f"/v1/billing/meters/{record['meter']}",
            }
        c.thin_events.append(event)
        self._send(event, record["at"])
        c.reports[record["scope"]] = {"opened_s": record["at"], "event": event}
        return c.reports[record["scope"]]

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


def iso(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_s)) + f".{int(at_s % 1 * 1000):03d}Z"
