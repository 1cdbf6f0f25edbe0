"""Reads account and meters from Stripe."""

import stripe

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reading import PAGE, read
from billing_cli.domain.account import StripeIdentity, is_live_key
from billing_cli.domain.meter import StripeMeter


def read_identity(client: stripe.StripeClient, key: str) -> StripeIdentity:
    """The account behind the key, and the mode Stripe says it is in (from the balance)."""
    account = read(lambda: client.v1.accounts.retrieve_current())
    balance = read(lambda: client.v1.balance.retrieve())
    return StripeIdentity(account.id, balance.livemode, is_live_key(key))


class StripeReader:
    """What the plan of an export needs to know from Stripe."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key = connection.key
        self._stripe = connection.reader()

    def identity(self) -> StripeIdentity:
        return read_identity(self._stripe, self._key)

    def meters(self) -> list[StripeMeter]:
        """All meters, archived ones included."""
        return read(
            lambda: [_meter(m) for m in self._stripe.v1.billing.meters.list({"limit": PAGE}).auto_paging_iter()]
        )


def _meter(meter: stripe.billing.Meter) -> StripeMeter:
    return StripeMeter(
        event_name=meter.event_name,
        active=meter.status == "active",
        formula=meter.default_aggregation.formula,
        customer_key=meter.customer_mapping.event_payload_key,
        value_key=meter.value_settings.event_payload_key,
        event_time_window=meter.event_time_window,
        meter_id=meter.id,
        created_s=meter.created,
        archived_s=_archived_s(meter),
    )


def _archived_s(meter: stripe.billing.Meter) -> int | None:
    """None if it never was; its last change if Stripe has no other time for an archived one."""
    return meter.status_transitions.deactivated_at or (meter.updated if meter.status != "active" else None)
