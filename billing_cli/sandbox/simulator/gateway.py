"""A gateway that answers in Stripe's place, whether Stripe carried the request out or not."""

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from billing_cli.sandbox.simulator.replies import Call, Reply, encode

if TYPE_CHECKING:
    from billing_cli.sandbox.simulator.faults import Fault

Lie = Literal["page", "json", "redirect", "other", "altered", "empty", "cut", "conflict", "imitation"]
LIES: tuple[str, ...] = get_args(Lie)
# The fields by which the answer to a write is known: the object, its subject, its amount, and our name for it.
ALTERED = ("id", "amount", "currency", "quantity", "status", "payload", "cancel", "metadata", "payment_intent",
           "invoice", "customer")  # fmt: skip
_STATUS = {"page": 502, "json": 424, "redirect": 307, "conflict": 409, "imitation": 400}


def status_of(lie: str) -> int:
    """The status that such an answer has unless another is asked for."""
    return _STATUS.get(lie, 200)


def answer_as_gateway(fault: "Fault", call: Call, reply: Reply) -> Reply:
    """The answer that the caller gets instead of Stripe's `reply`.

    page, json    of the gateway's own, or `body`
    redirect      to `location`
    other         an object of Stripe's that was not asked for
    altered       the object that was asked for, with another value in `field`, or in every field of `ALTERED`
    empty, cut    a success without a body, or with the first half of it
    conflict      Stripe's own 409, to a second copy of the request that the gateway sent
    imitation     an error object like Stripe's, which no request id of Stripe's goes with
    """
    lie, status = fault.lie, fault.status
    if lie == "page":
        body = fault.body or "<html><body>It works!</body></html>"
        return Reply(status, body.encode(), {"Content-Type": "text/html"}, stripes=False)
    if lie == "json":
        return Reply(status, fault.body.encode() or encode({"message": "Failed Dependency"}), stripes=False)
    if lie == "redirect":
        location = fault.location or f"http://{call.host}/elsewhere"
        return Reply(status, b"", {"Location": location}, stripes=False)
    if lie == "other":
        return Reply(status, encode({"id": "cus_other", "object": "customer", "metadata": {}}))
    if lie == "altered":
        return Reply(status, encode(_altered(json.loads(reply.body), fault.field)))
    if lie == "empty":
        return Reply(status, b"")
    if lie == "cut":
        return Reply(status, reply.body, cut=True)
    message = "There is currently another in-progress request using this Idempotent Key."
    kind = "idempotency_error" if lie == "conflict" else "invalid_request_error"
    return Reply(status, encode({"error": {"message": message, "type": kind}}), stripes=lie == "conflict")


def _altered(document: dict[str, Any], field: str) -> dict[str, Any]:
    names = [name for name in ALTERED if name in document and field in ("", name)]
    return {**document, **{name: _another(document[name]) for name in names}}


def _another(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _another(one) for name, one in value.items()}
    return value + 1 if isinstance(value, int) else f"{value}1"
