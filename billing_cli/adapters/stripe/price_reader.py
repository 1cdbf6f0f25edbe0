"""Reads prices from Stripe, beside account and meters."""

from decimal import Decimal
from typing import Any

import stripe

from billing_cli.adapters.stripe.errors import answer_of, billing_error
from billing_cli.adapters.stripe.reader import StripeReader
from billing_cli.adapters.stripe.reading import read
from billing_cli.domain.price import Price

_NOT_FOUND = 404


class StripePriceReader(StripeReader):
    """GET requests only."""

    def price(self, price_id: str) -> Price | None:
        """See `billing_cli.domain.ports.PriceReader.price`."""
        found = read(lambda: self._found(price_id))
        return None if found is None else _price(found)

    def _found(self, price_id: str) -> stripe.Price | None:
        try:
            return self._stripe.v1.prices.retrieve(price_id)
        except stripe.InvalidRequestError as error:
            if error.http_status == _NOT_FOUND:
                return None
            raise billing_error(answer_of(error)) from error


def _price(price: stripe.Price) -> Price:
    recurring: Any = price.recurring
    return Price(
        price_id=price.id,
        active=price.active,
        livemode=price.livemode,
        currency=price.currency,
        unit_amount=None if price.unit_amount_decimal is None else Decimal(price.unit_amount_decimal),
        interval=recurring.interval if recurring else None,
        interval_count=recurring.interval_count if recurring else 1,
        metered=bool(recurring) and recurring.usage_type == "metered",
        meter_id=recurring.meter if recurring else None,
    )
