"""One company's day: usage, an export, a refund, an invoice that is open, and an event that failed."""

from billing_cli.domain.timeline import Entry, Kind, Story

BATCH = "exp_20261101_003002_d76c4e40"
INTENT = "int_20261101_042159_da49265ad121d756"
USD = {"currency": "usd"}


def story() -> Story:
    entries = [
        Entry("2026-10-31T00:00:00+00:00", Kind.USAGE, {"meter": "api_calls", "quantity": "18281", "usage_rows": 512}),
        Entry("2026-11-01T00:30:02+00:00", Kind.BATCH, {
            "batch_id": BATCH, "livemode": False, "state": "done", "actor": "cron@billing-1", "items": 4,
            "window_start": "2026-10-31T00:00:00+00:00", "window_end": "2026-11-01T00:00:00+00:00",
            "finished_at": "2026-11-01T00:31:44+00:00", "verified_at": "2026-11-01T02:30:09+00:00"}),
        *(_item(hour, "accepted") for hour in range(13, 16)),
        _item(16, "rejected", "400: No active customer cus_RtQ8dDUq3ZbNvW."),
        Entry("2026-11-01T04:00:00+00:00", Kind.PAYMENT, {
            "payment_intent_id": "pi_3QabcdefghijklmnopqrstuvW", "amount_minor": 129_900, "refunded_minor": 64_950,
            "status": "succeeded", **USD}),
        Entry("2026-11-01T04:05:00+00:00", Kind.INVOICE, {
            "invoice_id": "in_1QmnopqrstuvwxyzABCDEFgh", "number": "ANA-0043", "status": "open", "total_minor": 4_900,
            "amount_paid_minor": 0, **USD}),
        Entry("2026-11-01T04:20:00+00:00", Kind.APPROVAL, {
            "approval_id": "apr_0123456789abcdef01234567", "livemode": False, "command": "refund", "maker": "ana",
            "approver": "bob", "used_at": "2026-11-01T04:21:59+00:00", "used_for": INTENT}),
        Entry("2026-11-01T04:21:59+00:00", Kind.INTENT, {
            "intent_id": INTENT, "livemode": False, "what": "refund", "subject": "pi_3QabcdefghijklmnopqrstuvW",
            "state": "done", "stripe_status": "pending", "settled_at": "2026-11-01T04:22:00+00:00", "actor": "ana",
            "reason": "duplicate", "stripe_object_id": "re_3QzyxwvutsrqponmlkjihgfeZ", "amount_minor": 64_950,
            "request_id": "req_9cKfQd2Zr1LmXe", "error": None, **USD}),
        Entry("2026-11-01T04:22:01+00:00", Kind.WEBHOOK, {
            "event_id": "evt_3QzyxwvutsrqponmlkjihgZ1", "livemode": False, "event_type": "refund.updated",
            "object_id": "re_3QzyxwvutsrqponmlkjihgfeZ", "object_status": "pending", "state": "failed",
            "effect": None, "error": "handler timed out", "request_id": None, "amount_minor": 64_950, **USD}),
    ]  # fmt: skip
    return Story("co_0001", True, ("cus_RtQ8dDUq3ZbNvW",), ("pro",), "2026-10-31T00:00:00+00:00", None, entries)


def _item(hour: int, state: str, error: str | None = None) -> Entry:
    at = f"2026-10-31T{hour:02d}:00:00+00:00"
    return Entry("2026-11-01T00:30:05+00:00", Kind.ITEM, {
        "item_id": hour, "batch_id": BATCH, "livemode": False, "meter": "api_calls", "state": state,
        "quantity": "4570.25", "bucket_start": at, "identifier": f"{BATCH}-{hour}",
        "request_id": f"req_T7pWn40aVbSd{hour}", "error": error,
        "stripe_customer_id": "cus_RtQ8dDUq3ZbNvW", "event_name": "api_calls"})  # fmt: skip
