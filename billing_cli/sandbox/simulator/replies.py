"""What a request comes in as and what goes back, in Stripe's shapes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 100


@dataclass(slots=True)
class Call:
    """One request: `params` is the flat form (`payload[value]` is one key), query and body together.

    `document` is the JSON body of a request to version 2, None where it is none. `version` is the
    API version that it names, if it does.
    """

    method: str
    path: str
    params: dict[str, str]
    livemode: bool
    now_s: float
    host: str = "127.0.0.1"
    document: Any = None
    version: str = ""


@dataclass(slots=True)
class Reply:
    """One answer. `stored`: whether an idempotency key keeps it for later replays; `stripes`: whether it is Stripe's.

    `cut`: the connection ends in the middle of the body.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    stored: bool = True
    stripes: bool = True
    cut: bool = False


class Refusal(Exception):
    """An answer other than 2xx, with Stripe's error body. Validation failures are not stored."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.error = {"message": message, "type": kind}
        if code is not None:
            self.error["code"] = code
        if param is not None:
            self.error["param"] = param

    def reply(self) -> Reply:
        return Reply(self.status, encode({"error": self.error}), self.headers, stored=False)


def missing(noun: str, identity: str, param: str = "id", status: int = 404) -> Refusal:
    return Refusal(status, f"No such {noun}: '{identity}'", code="resource_missing", param=param)


def unrecognized(call: Call) -> Refusal:
    return Refusal(404, f"Unrecognized request URL ({call.method}: {call.path}).")


def ok(document: Mapping[str, Any]) -> Reply:
    return Reply(200, encode(document))


def encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def read_form(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


def read_json(body: bytes) -> Any:
    """What `body` says, or None where it is no JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def required(call: Call, name: str) -> str:
    value = call.params.get(name, "")
    if not value:
        raise Refusal(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    return value


def integer(call: Call, name: str, default: int | None = None) -> int:
    text = required(call, name) if default is None else call.params.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise Refusal(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=name) from None


def mapping(call: Call, name: str) -> dict[str, str]:
    """The entries of `name[key]`."""
    start = len(name) + 1
    return {key[start:-1]: value for key, value in call.params.items() if key.startswith(f"{name}[")}


def page(call: Call, items: list[dict[str, Any]]) -> Reply:
    """One page of `items`, which are ordered newest first; cursors are ids, as in Stripe."""
    limit = integer(call, "limit", DEFAULT_PAGE_SIZE)
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise Refusal(400, f"Invalid limit: {limit} (1 to {MAX_PAGE_SIZE}).", param="limit")
    if after := call.params.get("starting_after"):
        begin = position(items, after, "starting_after") + 1
        part, more = items[begin : begin + limit], begin + limit < len(items)
    elif before := call.params.get("ending_before"):
        end = position(items, before, "ending_before")
        part, more = items[max(0, end - limit) : end], end > limit
    else:
        part, more = items[:limit], limit < len(items)
    return ok({"object": "list", "url": call.path, "has_more": more, "data": part})


def position(items: list[dict[str, Any]], identity: str, param: str) -> int:
    for index, item in enumerate(items):
        if item["id"] == identity:
            return index
    raise missing("object", identity, param, 400)
