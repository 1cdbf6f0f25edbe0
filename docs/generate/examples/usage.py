"""An export of one day: lines, a warning, rows that nobody can bill, and a batch that was interrupted."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing_cli.domain.batch import BatchSummary, ItemState
from billing_cli.domain.export import Alarm, ExportPlan, ExportRequest, plan_export
from billing_cli.domain.meter import MeterRoute
from billing_cli.domain.period import Window
from billing_cli.domain.slot import SentItem, Slot
from billing_cli.domain.usage import usage_facts
from billing_cli.domain.verification import Change, Judged, Verdict
from billing_cli.domain.verify_plan import Comparison, VerifyPlan, plan_verify
from examples import TEST

START, END = "2026-10-31T00:00:00+00:00", "2026-11-01T00:00:00+00:00"
EXPORT_WORDS = ["export", "--start", "2026-10-31", "--end", "2026-10-31"]
BATCH: dict[str, Any] = {
    "batch_id": "exp_20261101_003002_d76c4e40", "state": "open", "stripe_account_id": TEST.account_id,
    "livemode": False, "window_start": START, "window_end": END, "actor": "cron@billing-1", "digest": "0" * 64,
    "opened_at": "2026-11-01T00:30:02+00:00", "finished_at": None, "verified_at": None, "runners": 1,
    "runner": "billing-1/4026531836/4242/1793491802.25", "runner_silent_s": 74, "runner_left_s": 0,
    "backends": ["events"], "pending": 1204, "sending": 25, "accepted": 8130, "rejected": 2, "ambiguous": 0,
    "missing": 0, "cancelling": 0, "cancelled": 0, "dedup_left_s": 78_912, "cancel_left_s": 78_912,
}  # fmt: skip
INTERRUPTED = BatchSummary.from_document(BATCH)
VERIFIED = BatchSummary.from_document(
    BATCH | {
        "batch_id": "exp_20261031_003001_5f0e77a2", "state": "done", "runner": None, "runner_silent_s": None,
        "window_start": "2026-10-30T00:00:00+00:00", "window_end": START, "opened_at": "2026-10-31T00:30:01+00:00",
        "finished_at": "2026-10-31T00:31:44+00:00", "verified_at": "2026-10-31T02:30:09+00:00",
        "pending": 0, "sending": 0, "accepted": 9361, "rejected": 0, "dedup_left_s": None, "cancel_left_s": 0,
    }
)  # fmt: skip
ITEMS: list[dict[str, Any]] = [
    {"company_id": "co_0001", "meter": "api_calls", "stripe_customer_id": "cus_RtQ8dDUq3Zb0001",
     "bucket_start": "2026-10-31T13:00:00+00:00",
     "event_at": "2026-10-31T13:00:00+00:00", "quantity": "18204", "state": "accepted", "attempts": 1,
     "request_id": "req_9cKfQd2Zr1LmXe", "error": None},
    {"company_id": "co_0417_meridian_logistics", "meter": "storage_gb", "stripe_customer_id": "cus_RtQ8dDUq3Zb0417",
     "bucket_start": "2026-10-31T14:00:00+00:00",
     "event_at": "2026-11-01T00:00:00+00:00", "quantity": "1204.5", "state": "rejected", "attempts": 2,
     "request_id": "req_T7pWn40aVbSdYk", "error": "400: No active customer cus_RtQ8dDUq3Zb0417."},
    {"company_id": "co_0002", "meter": "api_calls", "stripe_customer_id": "cus_RtQ8dDUq3Zb0002",
     "bucket_start": "2026-10-31T15:00:00+00:00",
     "event_at": "2026-10-31T15:00:00+00:00", "quantity": "77", "state": "sending", "attempts": 1,
     "request_id": None, "error": None},
]  # fmt: skip


def export_plan() -> ExportPlan:
    window = Window(datetime.fromisoformat(START), datetime.fromisoformat(END))
    routes = [
        MeterRoute(name, name, "stripe_customer_id", "value", "sum", None) for name in ("api_calls", "storage_gb")
    ]
    return plan_export(ExportRequest(window), TEST, routes, usage_facts(_preview()), Alarm())


def verify_plan() -> VerifyPlan:
    """Of the verified batch: an hour of two companies of one customer lacks what one of them used."""
    customer, start_s = "cus_RtQ8dDUq3Zb0001", int(datetime.fromisoformat(START).timestamp()) - 7200
    seats = [
        SentItem(
            number, VERIFIED.batch_id, f"{VERIFIED.batch_id}-{number}", company, "seats", customer, "seats", start_s,
            ItemState.ACCEPTED, replaces=True, value=Decimal(value), tried_s=0, verified_s=None, whole=False,
        )
        for number, company, value in ((17, "co_0001", 1204), (18, "co_0417_meridian_logistics", 50))
    ]  # fmt: skip
    change = Change(seats[0], ItemState.MISSING, "An event of another company or meter replaced it in Stripe's total.")
    judged = Judged(Slot(customer, "seats", start_s, 3600, Decimal(50), seats), Verdict.LESS, changes=[change])
    compared = Comparison({Verdict.FOUND: 9358, Verdict.LESS: 1}, range(9358), [change], [judged], 0, 0)
    return plan_verify(VERIFIED, TEST, compared, again=True, resend_missing=False)


def _preview() -> dict[str, Any]:
    """As billing_export_preview_v3 answers."""
    return {
        "now": datetime(2026, 11, 1, 0, 45, tzinfo=UTC).isoformat(),
        "window_rows": 75_090,
        "odd_rows": {},
        "company_known": True,
        "lines_hash": "5d1c",
        "groups": [
            _group("co_0001", "Ana & Söhne", "api_calls", 31_210, "1284113", 24),
            _group("co_0001", "Ana & Söhne", "storage_gb", 24, "31104.5", 24),
            _group("co_0002", "日本電気工業", "api_calls", 22_801, "902557", 24, sent="450000"),
            _group("co_0003", "شركة النور", "api_calls", 19, "4112", 7, usual="380"),
            _group("co_0417_meridian_logistics", "Meridian", "api_calls", 18_536, "1204331.25", 24),
        ],
        "skipped": [
            _skipped("no_customer", 1_204, 61, "40113", "co_0219", "co_0220"),
            _skipped("no_meter", 1_280, 24, "1280", "co_0001 sms"),
            _skipped("zero_total", 16, 2, "0", "co_0007 api_calls"),
        ],
        "slots": [
            {"event_name": meter, "slot": slot, "quantity": str(top - abs(14 - slot) * top // 16)}
            for meter, top in (("api_calls", 90_000), ("storage_gb", 1_500))
            for slot in range(1, 25)
        ],
        "open_batches": [BATCH],
    }


def _group(
    company: str, name: str, meter: str, rows: int, quantity: str, buckets: int, *, sent: str = "0",
    usual: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    whole, fraction = quantity.partition(".")[::2]
    to_send = str(int(whole) - int(sent)) + (f".{fraction}" if fraction else "")
    sent_rows = rows // 2 if int(sent) else 0
    return {
        "company_id": company, "company_name": name, "stripe_customer_id": f"cus_of_{company}", "meter": meter,
        "event_name": meter, "usage_rows": rows, "sent_rows": sent_rows, "new_rows": rows - sent_rows,
        "quantity": quantity, "accepted": sent, "reserved": "0", "to_send": to_send, "corrections": "0",
        "buckets": buckets, "correction_buckets": 0, "usual": usual,
        "held_added": "0", "held_removed": "0", "unbilled": "0", "carried": "0",
        "carried_from": None, "carried_to": None,
    }  # fmt: skip


def _skipped(reason: str, rows: int, buckets: int, quantity: str, *examples: str) -> dict[str, Any]:
    return {
        "reason": reason, "usage_rows": rows, "sent_rows": 0, "buckets": buckets, "quantity": quantity,
        "added": quantity, "removed": "0", "examples": examples,
    }  # fmt: skip
