"""Laws of documents: what goes in comes out, whoever reads it."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from support import schemas

from billing_cli.domain.money import Money
from billing_cli.domain.quantity import plain
from billing_cli.domain.webhook_event import read_event
from billing_cli.render.documents import json_text

COMMON = schemas.validator_of({**schemas.common(), "properties": {
    "money": {"$ref": "#/$defs/money"}, "quantity": {"$ref": "#/$defs/quantity"}, "at": {"$ref": "#/$defs/instant"},
}})  # fmt: skip
MONEY = st.builds(Money, st.integers(), st.from_regex(r"[a-z]{3}", fullmatch=True))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MONEY, st.decimals(allow_nan=False, allow_infinity=False))
def test_money_and_quantities_come_back_as_they_were(money: Money, quantity: Decimal) -> None:
    written = json.loads(json_text("law", {"money": money.document(), "quantity": plain(quantity)}))
    assert COMMON.is_valid(written), written
    assert Money(**written["money"]) == money
    assert Decimal(written["quantity"]) == quantity


@given(st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=OFFSETS))
def test_an_instant_of_an_event_is_in_utc_wherever_it_was_written(at: datetime) -> None:
    body = {"id": "evt_1", "object": "v2.core.event", "type": "t", "created": at.isoformat(), "livemode": False}
    told = read_event(json.dumps(body)).document()["created_at"]
    assert COMMON.is_valid({"at": told}), told
    assert datetime.fromisoformat(str(told)) == at


def test_a_document_is_ascii_so_that_every_locale_can_print_it() -> None:
    assert json_text("law", {"name": "Žluťoučký kůň"}).isascii()
