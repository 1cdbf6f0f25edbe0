"""The operator's side of prices: create or replace them."""

from typing import Any

from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.prices import NOUN, new_price
from billing_cli.sandbox.simulator.state import State


def put_prices(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    for row in wish["prices"]:
        state.put(NOUN, new_price(row, state.now_s()), state.now_s())
    return {"prices": len(wish["prices"])}


ACTIONS = {("POST", "/_sandbox/prices"): put_prices}
