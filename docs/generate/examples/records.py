"""What the database kept: audit rows and Stripe's events."""

from billing_cli.domain.audit import AuditEntry, AuditHead, Verification
from billing_cli.domain.kept_event import KeptEvent, KeptState

AUDIT = [
    AuditEntry(
        415, "2026-11-01T04:22:00.071244+00:00", "ana", "intent.done", "int_20261101_042159_da49265ad121d756",
        {"amount_minor": 1250, "currency": "usd", "stripe_object_id": "re_3QzyxwvutsrqponmlkjihgfeZ",
         "request_id": "req_9cKfQd2Zr1LmXe", "error": None},
        "", "f" * 64,
    ),
    AuditEntry(
        414, "2026-11-01T00:31:44.501+00:00", "cron@billing-1", "batch.open", "exp_20261101_003002_d76c4e40",
        {"items": 9361, "window_start": "2026-10-31T00:00:00+00:00"}, "", "e" * 64,
    ),
]  # fmt: skip
VERIFICATION = Verification(
    AuditHead(415, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 415), 412, None
)


def event(
    event_id: str, kind: str, state: KeptState, error: str | None = None, company: str | None = None
) -> KeptEvent:
    return KeptEvent(
        event_id=event_id, event_type=kind, thin=False, livemode=False, created_at="2026-11-01T04:22:01+00:00",
        sequence=1, object_id="re_3QzyxwvutsrqponmlkjihgfeZ", company_id=company, source="delivery", deliveries=2,
        received_at="2026-11-01T04:22:02+00:00", last_received_at="2026-11-01T04:23:02+00:00", state=state, attempts=1,
        claimed_by=None, settled_at=None, error=error, effect=None, waiting_s=None, stripe_account_id=None,
    )  # fmt: skip


EVENTS = [
    event("evt_3QzyxwvutsrqponmlkjihgZ1", "refund.updated", KeptState.PROCESSED, company="co_0002"),
    event("evt_1QmnopqrstuvwxyzABCDEFg2", "invoice.payment_action_required", KeptState.FAILED, "no row of that id"),
    event("evt_1QmnopqrstuvwxyzABCDEFg3", "v1.billing.meter.error_report_triggered", KeptState.RECEIVED),
]
