"""The operator's side of webhooks: what became of every delivery."""

from typing import Any

from billing_cli.sandbox.simulator.faults import Faults
from billing_cli.sandbox.simulator.state import Delivery, State


def list_deliveries(state: State, faults: Faults, wish: dict[str, Any]) -> Any:
    return {"deliveries": [_row(delivery) for delivery in state.contents.deliveries.values()]}


def _row(delivery: Delivery) -> dict[str, Any]:
    return delivery._asdict() | ({} if delivery.state == "pending" else {"next_at": None})


ACTIONS = {("GET", "/_sandbox/deliveries"): list_deliveries}
