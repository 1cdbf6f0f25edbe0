"""Reads account and meters from Stripe: GET requests only, repeated when they fail in passing."""

from collections.abc import Callable
from typing import TypeVar

import stripe
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.errors import billing_error
from billing_cli.domain.account import StripeIdentity, is_live_key
from billing_cli.domain.errors import Unavailable
from billing_cli.domain.meter import StripeMeter

T = TypeVar("T")
_PAGE = 100
_TRIES = 4


class StripeReader:
    """What a plan needs to know from Stripe."""

    def __init__(self, connection: StripeConnection) -> None:
        self._key_is_live = is_live_key(connection.key)
        self._stripe = connection.client()

    def identity(self) -> StripeIdentity:
        """The account behind the key, and the mode Stripe says it is in (from the balance)."""
        account = _read(lambda: self._stripe.v1.accounts.retrieve_current())
        balance = _read(lambda: self._stripe.v1.balance.retrieve())
        return StripeIdentity(account.id, balance.livemode, self._key_is_live)

    def meters(self) -> list[StripeMeter]:
        """All meters, archived ones included."""
        return _read(
            lambda: [_meter(m) for m in self._stripe.v1.billing.meters.list({"limit": _PAGE}).auto_paging_iter()]
        )


def _read(request: Callable[[], T]) -> T:
    def attempt() -> T:
        try:
            return request()
        except stripe.StripeError as error:
            raise billing_error(error) from error

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Unavailable)),
        wait=wait_random_exponential(multiplier=0.3, max=5),
        stop=stop_after_attempt(_TRIES),
        reraise=True,
    )(attempt)


def _meter(meter: stripe.billing.Meter) -> StripeMeter:
    return StripeMeter(
        event_name=meter.event_name,
        active=meter.status == "active",
        formula=meter.default_aggregation.formula,
        customer_key=meter.customer_mapping.event_payload_key,
        value_key=meter.value_settings.event_payload_key,
        event_time_window=meter.event_time_window,
    )
