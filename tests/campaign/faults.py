"""Faults between the program and Stripe: some are named once and for all, others drawn by dice."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from support.stripe_control import StripeDouble

Settings = dict[str, object]

# A 500 that is stored is replayed under its idempotency key for a day, as Stripe does.
_PLAIN: dict[str, Settings] = {
    "lost replies": {"kind": "lost_reply", "probability": 0.2},
    "resets": {"kind": "reset", "probability": 0.2},
    "429 storm": {"kind": "status", "status": 429, "probability": 0.4, "count": 120},
    "500 before": {"kind": "status", "status": 500, "probability": 0.2},
    "500 after, replayed": {"kind": "status", "status": 500, "probability": 0.2, "commit": True, "stored": True},
    "502 after": {"kind": "status", "status": 502, "probability": 0.2, "commit": True, "stored": False},
    "409": {"kind": "status", "status": 409, "probability": 0.2, "count": 60},
    "delays": {"kind": "delay", "delay_s": 0.05, "probability": 0.5},
    "sent twice": {"kind": "double", "probability": 0.5},
}
_PAGES = (200, 401, 403, 404, 408, 425, 502)
_JSON = ("", '["a list"]', '"a string"', '{"code": 13}', '{"data": [], "has_more": false}')
_FIELDS = ("id", "amount", "currency", "status", "metadata", "payment_intent", "invoice", "customer", "payload")
_LIES: dict[str, Callable[[random.Random], Settings]] = {
    "gateway's page": lambda dice: {"lie": "page", "status": dice.choice(_PAGES)},
    "gateway's JSON": lambda dice: {"lie": "json", "status": dice.choice((200, 400, 424)), "body": dice.choice(_JSON)},
    "redirect": lambda dice: {"lie": "redirect", "status": dice.choice((301, 302, 303, 307, 308))},
    "another object": lambda dice: {"lie": "other"},
    # Only of what was carried out: an empty answer of Stripe's own that lies is no gateway's.
    "altered object": lambda dice: {"lie": "altered", "field": dice.choice(_FIELDS), "commit": True},
    "cut or empty body": lambda dice: {"lie": dice.choice(("cut", "empty"))},
    "409 to a copy": lambda dice: {"lie": "conflict"},
    "imitated error": lambda dice: {"lie": "imitation"},
}


@dataclass(frozen=True)
class Fault:
    """A fault to switch on; `reads` if it strikes what the program reads instead of what it sends."""

    name: str
    settings: Settings
    reads: bool = False


def draw_faults(dice: random.Random) -> list[Fault]:
    """None, one or two."""
    names = dice.sample([*_PLAIN, *_LIES], dice.choice((0, 1, 1, 2)))
    return [_draw(dice, name) for name in names]


def switch_on(stripe: StripeDouble, faults: Iterable[Fault], endpoints: Iterable[str], seed: int) -> None:
    """At these endpoints, or for all reads."""
    for number, fault in enumerate(faults):
        for endpoint in ("/v1/",) if fault.reads else endpoints:
            method = "GET" if fault.reads else "POST"
            stripe.fault(endpoint=endpoint, method=method, seed=seed + number, **fault.settings)


def _draw(dice: random.Random, name: str) -> Fault:
    if name in _PLAIN:
        return Fault(name, _PLAIN[name])
    drawn = {"kind": "gateway", "probability": 0.3, "commit": dice.random() < 0.6, **_LIES[name](dice)}
    # Nothing shows that an object which was read had another amount.
    return Fault(name, drawn, reads=dice.random() < 0.15 and name != "altered object")
