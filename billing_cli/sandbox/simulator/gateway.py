"""A gateway that answers in Stripe's place, whether Stripe carried the request out or not."""

import json
from typing import Any, Literal, get_args

from billing_cli.sandbox.simulator.replies import Call, Reply, encode

Lie = Literal["page", "json", "redirect", "other", "altered", "empty", "cut", "conflict", "imitation"]
LIES: tuple[str, ...] = get_args(Lie)
_STATUS = {"page": 502, "json": 424, "redirect": 307, "conflict": 409, "imitation": 400}


def status_of(lie: str) -> int:
    """The status that such an answer has unless another is asked for."""
    return _STATUS.get(lie, 200)


def answer_as_gateway(lie: str, status: int, location: str, call: Call, reply: Reply) -> Reply:
    """The answer that the caller gets instead of Stripe's `reply`.

    page, json    of the gateway's own
    redirect      to `location`
    other         an object of Stripe's that was not asked for
    altered       the object that was asked for, with another amount
    empty, cut    a success without a body, or with the first half of it
    conflict      Stripe's own 409, to a second copy of the request that the gateway sent
    imitation     an error object like Stripe's, which no request id of Stripe's goes with
    """
    if lie == "page":
        return Reply(status, b"<html><body>It works!</body></html>", {"Content-Type": "text/html"}, stripes=False)
    if lie == "json":
        return Reply(status, encode({"message": "Failed Dependency"}), stripes=False)
    if lie == "redirect":
        return Reply(status, b"", {"Location": location or f"http://{call.host}/elsewhere"}, stripes=False)
    if lie == "other":
        return Reply(status, encode({"id": "cus_other", "object": "customer", "metadata": {}}))
    if lie == "altered":
        return Reply(status, encode(_altered(json.loads(reply.body or b"{}"))))
    if lie == "empty":
        return Reply(status, b"")
    if lie == "cut":
        return Reply(status, reply.body, cut=True)
    message = "There is currently another in-progress request using this Idempotent Key."
    kind = "idempotency_error" if lie == "conflict" else "invalid_request_error"
    return Reply(status, encode({"error": {"message": message, "type": kind}}), stripes=lie == "conflict")


def _altered(document: dict[str, Any]) -> dict[str, Any]:
    if "amount" in document:
        document["amount"] += 1
    if "quantity" in document:
        document["quantity"] += 1
    if isinstance(document.get("payload"), dict):
        document["payload"] = {name: f"{value}1" for name, value in document["payload"].items()}
    if "cancel" in document:
        document["cancel"] = {"identifier": "another"}
    return {**document, "id": "another", "status": "open"}
