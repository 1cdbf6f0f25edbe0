"""How Stripe reports what it found wrong afterwards: thin events that count all and sample a few."""

from typing import Any

from billing_cli.sandbox.simulator.instants import iso

# Reports stand for aligned windows of this length, as in the example in Stripe's documentation.
REPORT_WINDOW_S = 10


def add_to_report(reports: dict[str, dict[str, Any]], record: dict[str, Any], number: int) -> dict[str, Any] | None:
    """Count one rejection; returns the thin event, its `number`-th, where a new one had to be opened."""
    event = reports.get(record["scope"])
    opened = event is None or event["data"]["validation_start"] != iso(_window_start(record["at"]))
    if event is None or opened:
        event = reports[record["scope"]] = _new_report(record, number)
    _count(event["data"], record)
    return event if opened else None


def _count(data: dict[str, Any], record: dict[str, Any]) -> None:
    reason = data["reason"]
    reason["error_count"] += 1
    plural = "is 1 invalid event" if reason["error_count"] == 1 else f"are {reason['error_count']} invalid events"
    data["developer_message_summary"] = f"There {plural}"
    kind = next((k for k in reason["error_types"] if k["code"] == record["code"]), None)
    if kind is None:
        kind = {"code": record["code"], "error_count": 0, "sample_errors": []}
        reason["error_types"].append(kind)
    kind["error_count"] += 1
    if len(kind["sample_errors"]) < record["sample"]:
        kind["sample_errors"].append({"error_message": record["why"], "request": {"identifier": record["id"]}})


def _new_report(record: dict[str, Any], number: int) -> dict[str, Any]:
    meter, start_s = record["meter"], _window_start(record["at"])
    event: dict[str, Any] = {
        "id": f"evt_test_{number:08d}",
        "object": "v2.core.event",
        "type": "v1.billing.meter." + ("error_report_triggered" if meter else "no_meter_found"),
        "created": iso(record["at"]),
        "livemode": record["live"],
        "data": {
            "reason": {"error_count": 0, "error_types": []},
            "validation_start": iso(start_s),
            "validation_end": iso(start_s + REPORT_WINDOW_S),
        },
    }
    if meter:
        url = f"/v1/billing/meters/{meter}"
        event["related_object"] = {"id": meter, "type": "billing.meter", "url": url}
    return event


def _window_start(at_s: float) -> float:
    return at_s // REPORT_WINDOW_S * REPORT_WINDOW_S
