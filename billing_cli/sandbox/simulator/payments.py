"""Payment intents and their charges."""

import secrets
from typing import Any

from billing_cli.sandbox.simulator import balance_transactions, disputes, refunds
from billing_cli.sandbox.simulator.balance_transactions import add_transaction
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.listing import recent
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, missing, ok, page, required
from billing_cli.sandbox.simulator.state import State


def create_payment_intent(state: State, call: Call) -> Reply:
    """With confirm=true it succeeds at once; with capture_method=manual it then waits for its capture."""
    intent = new_payment_intent(
        f"pi_{secrets.token_hex(12)}",
        call.params.get("customer"),
        integer(call, "amount"),
        required(call, "currency").lower(),
        call.now_s,
        livemode=call.livemode,
        metadata=mapping(call, "metadata"),
    )
    state.put("payment_intent", intent, call.now_s, "payment_intent.created")
    if call.params.get("confirm") != "true":
        return ok(intent)
    captured = 0 if call.params.get("capture_method") == "manual" else intent["amount"]
    return ok(succeed(state, intent, captured, call.now_s))


def succeed(state: State, intent: dict[str, Any], captured: int, now_s: float, quiet: bool = False) -> dict[str, Any]:
    """The payment with a charge, of which `captured` minor units were taken; 0 leaves it to be captured.

    The metadata `sandbox_capture=reversal` books the whole amount, and takes back what was not captured.
    """
    charge = _new_charge(intent, captured, now_s)
    if captured and intent["metadata"].get("sandbox_capture") == "reversal":
        charge["balance_transaction"] = add_transaction(state, "charge", intent["amount"], charge, now_s)
        add_transaction(state, "partial_capture_reversal", captured - intent["amount"], charge, now_s)
    elif captured:
        charge["balance_transaction"] = add_transaction(state, "charge", captured, charge, now_s)
    intent = {
        **intent,
        "status": "succeeded" if captured else "requires_capture",
        "amount_received": captured,
        "latest_charge": charge["id"],
    }
    state.put("charge", charge, now_s, None if quiet or not captured else "charge.succeeded")
    state.put("payment_intent", intent, now_s, None if quiet or not captured else "payment_intent.succeeded")
    return intent


def capture_payment_intent(state: State, call: Call, intent_id: str) -> Reply:
    intent = find_payment_intent(state, intent_id)
    amount = integer(call, "amount_to_capture", intent["amount"])
    if intent["status"] != "requires_capture" or not 0 < amount <= intent["amount"]:
        raise Refusal(
            400, "This PaymentIntent could not be captured.", code="payment_intent_unexpected_state", param="id"
        )
    return ok(succeed(state, intent, amount, call.now_s))


def get_payment_intent(state: State, call: Call, intent_id: str) -> Reply:
    return ok(_expanded(state, call, find_payment_intent(state, intent_id)))


def list_payment_intents(state: State, call: Call) -> Reply:
    return page(call, recent(state, call, "payment_intent", equal=("customer",)))


def get_charge(state: State, call: Call, charge_id: str) -> Reply:
    return ok(_expanded_charge(state, call, find_charge(state, charge_id), ""))


def list_charges(state: State, call: Call) -> Reply:
    return page(call, recent(state, call, "charge", equal=("customer", "payment_intent")))


def find_payment_intent(state: State, intent_id: str, param: str = "intent") -> dict[str, Any]:
    found = state.objects("payment_intent").get(intent_id)
    if found is None:
        raise missing("payment_intent", intent_id, param)
    return found


def find_charge(state: State, charge_id: str) -> dict[str, Any]:
    found = state.objects("charge").get(charge_id)
    if found is None:
        raise missing("charge", charge_id)
    return found


def new_payment_intent(
    intent_id: str,
    customer: str | None,
    amount: int,
    currency: str,
    now_s: float,
    *,
    livemode: bool = False,
    metadata: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic_async",
        "created": int(now_s),
        "currency": currency,
        "customer": customer,
        "description": None,
        "latest_charge": None,
        "livemode": livemode,
        "metadata": metadata or {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def _new_charge(intent: dict[str, Any], captured: int, now_s: float) -> dict[str, Any]:
    return {
        "id": f"ch_{intent['id'].removeprefix('pi_')}",
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": captured,
        "amount_refunded": 0,
        "balance_transaction": None,
        "captured": captured > 0,
        "created": intent["created"],
        "currency": intent["currency"],
        "customer": intent["customer"],
        "disputed": False,
        "livemode": intent["livemode"],
        "metadata": intent["metadata"],
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method_details": _method(intent["metadata"].get("sandbox_method", "card")),
        "refunded": False,
        "status": "succeeded",
    }


def _method(kind: str) -> dict[str, Any]:
    return {"type": kind, kind: {"brand": "visa", "last4": "4242"} if kind == "card" else {}}


def _expanded(state: State, call: Call, intent: dict[str, Any]) -> dict[str, Any]:
    """With the charge in place of its id, where `expand[]` asks for it."""
    charge_id = intent["latest_charge"]
    if charge_id is None or not any(path.startswith("latest_charge") for path in _paths(call)):
        return intent
    return {**intent, "latest_charge": _expanded_charge(state, call, find_charge(state, charge_id), "latest_charge.")}


def _expanded_charge(state: State, call: Call, charge: dict[str, Any], prefix: str) -> dict[str, Any]:
    transaction = charge["balance_transaction"]
    if transaction is None or f"{prefix}balance_transaction" not in _paths(call):
        return charge
    return {**charge, "balance_transaction": state.objects(balance_transactions.NOUN)[transaction]}


def _paths(call: Call) -> list[str]:
    return list(mapping(call, "expand").values())


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("POST", "/v1/payment_intents"): create_payment_intent,
    ("GET", "/v1/payment_intents"): list_payment_intents,
    ("GET", "/v1/charges"): list_charges,
    **refunds.PLAIN,
    **disputes.PLAIN,
    **balance_transactions.PLAIN,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/payment_intents/", ""): get_payment_intent,
    ("POST", "/v1/payment_intents/", "/capture"): capture_payment_intent,
    ("GET", "/v1/charges/", ""): get_charge,
    **refunds.WITH_ID,
    **disputes.WITH_ID,
    **balance_transactions.WITH_ID,
}
