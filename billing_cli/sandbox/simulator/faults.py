"""Faults that can be switched on while the simulator runs, reproducible by seed."""

import random
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from typing import Any, Literal, get_args

from billing_cli.sandbox.simulator.gateway import LIES, status_of
from billing_cli.sandbox.simulator.replies import Refusal

Kind = Literal["status", "delay", "lost_reply", "reset", "gateway", "double"]
KINDS: tuple[str, ...] = get_args(Kind)
# What Stripe-Rate-Limited-Reason may say.
REASONS = ("global-rate", "global-concurrency", "endpoint-rate", "endpoint-concurrency", "resource-specific")


@dataclass
class Fault:
    """What goes wrong for which paths, how often.

    `commit` lets the request of a `status` or `gateway` fault be carried out before the answer; `stored` keeps the
    answer of a `status` fault under the idempotency key, as Stripe does with a 500 that happened while the call was
    being carried out. A 429 with a `reason` is a limit; without one it is a lock timeout, as in Stripe. A `gateway`
    answers with a `lie` of `gateway.LIES`; see there for `location`, `body` and `field`. A `double` sends the request
    to Stripe twice at once, and the caller gets the answer to the second copy.
    """

    kind: Kind
    endpoint: str = "/"
    method: str = ""
    probability: float = 1.0
    count: int | None = None
    seed: int = 0
    status: int = 500
    delay_s: float = 0.0
    commit: bool = False
    stored: bool = False
    reason: str = ""
    lie: str = ""
    location: str = ""
    body: str = ""
    field: str = ""
    hits: int = 0
    _dice: random.Random = dataclass_field(default_factory=random.Random, repr=False)

    def strikes(self, method: str, path: str) -> bool:
        if self.count is not None and self.hits >= self.count:
            return False
        if not path.startswith(self.endpoint) or self.method not in ("", method):
            return False
        if self._dice.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def document(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "_dice"}


class Faults:
    def __init__(self) -> None:
        self.active: list[Fault] = []

    def add(self, wish: dict[str, Any]) -> Fault:
        fault = read_fault(wish)
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        self.active.clear()

    def strike(self, method: str, path: str) -> list[Fault]:
        """Every fault that hits this request: a delay may come together with another."""
        if not self.active:
            return []
        return [fault for fault in self.active if fault.strikes(method, path)]


def read_fault(wish: dict[str, Any]) -> Fault:
    known = {"kind", "endpoint", "method", "probability", "count", "seed", "status", "delay_s", "commit",
             "stored", "reason", "lie", "location", "body", "field"}  # fmt: skip
    if unknown := set(wish) - known:
        raise Refusal(400, f"Unknown fault setting: {', '.join(sorted(unknown))}.")
    if wish.get("kind") not in KINDS:
        raise Refusal(400, f"Unknown fault kind {wish.get('kind')!r}: use one of {', '.join(KINDS)}.")
    try:
        count = wish.get("count")
        lie = str(wish.get("lie") or ("page" if wish["kind"] == "gateway" else ""))
        status = int(wish.get("status") or (status_of(lie) if lie else 500))
        fault = Fault(
            kind=wish["kind"],
            endpoint=str(wish.get("endpoint") or "/"),
            method=str(wish.get("method") or "").upper(),
            probability=float(wish.get("probability", 1.0)),
            count=None if count is None else int(count),
            seed=int(wish.get("seed") or 0),
            status=status,
            delay_s=float(wish.get("delay_s") or 0),
            commit=bool(wish.get("commit", False)),
            stored=bool(wish.get("stored", status == 500)),
            reason=str(wish.get("reason") or ""),
            lie=lie,
            location=str(wish.get("location") or ""),
            body=str(wish.get("body") or ""),
            field=str(wish.get("field") or ""),
        )
    except (TypeError, ValueError) as error:
        raise Refusal(400, f"Unreadable fault: {error}.") from None
    if not 0 <= fault.probability <= 1 or not (200 if lie else 400) <= fault.status <= 599 or fault.delay_s < 0:
        raise Refusal(400, "A probability is 0 to 1, a status 400 to 599, and a delay not negative.")
    if lie and (lie not in LIES or fault.kind != "gateway"):
        raise Refusal(400, f"A gateway fault may have a lie: {', '.join(LIES)}.")
    if fault.reason and (fault.status != 429 or fault.reason not in REASONS):
        raise Refusal(400, f"A status of 429 may have a reason: {', '.join(REASONS)}.")
    fault._dice.seed(fault.seed)
    return fault
