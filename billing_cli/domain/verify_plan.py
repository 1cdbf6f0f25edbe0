"""The plan of `batches verify`: what Stripe's totals prove of a batch, and what is written down of it."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.batch import BatchSummary
from billing_cli.domain.limits import NO_DEMANDS, Demands
from billing_cli.domain.plan import digest_of
from billing_cli.domain.verification import WRONG, Change, Judged, Verdict


@dataclass(frozen=True)
class Comparison:
    """Stripe's totals beside a batch. `slots` counts them all by verdict; `shown` are those that are wrong.

    `usage_records` are accepted items that no total by the hour tells of; `verified_before` were found earlier.
    """

    slots: Mapping[Verdict, int]
    found: Sequence[int]
    changes: Sequence[Change]
    shown: Sequence[Judged]
    usage_records: int
    verified_before: int

    @property
    def wrong(self) -> bool:
        return any(self.slots.get(verdict) for verdict in WRONG) or bool(self.changes_for_the_worse)

    @property
    def later(self) -> int:
        return self.slots.get(Verdict.LATER, 0)

    @property
    def changes_for_the_worse(self) -> list[Change]:
        return [change for change in self.changes if change.reason is not None]


@dataclass
class Tally:
    """A comparison in the making."""

    slots: Counter[Verdict]
    found: list[int]
    changes: list[Change]
    shown: list[Judged]

    @classmethod
    def empty(cls) -> "Tally":
        return cls(Counter(), [], [], [])

    def add(self, judged: Judged) -> None:
        self.slots[judged.verdict] += 1
        self.found += judged.found
        self.changes += judged.changes
        if judged.verdict in WRONG:
            self.shown.append(judged)


@dataclass(frozen=True)
class VerifyPlan:
    """To write down what was proved: items found in the totals, and states that change."""

    batch: BatchSummary
    identity: StripeIdentity
    comparison: Comparison
    again: bool
    resend_missing: bool
    changes: Mapping[str, object]
    digest: str
    demands: Demands = NO_DEMANDS
    command: str = "batches verify"

    @property
    def request(self) -> Mapping[str, object]:
        return {"batch": self.batch.batch_id, "again": self.again, "resend_missing": self.resend_missing}

    @property
    def empty(self) -> bool:
        return not self.comparison.found and not self.comparison.changes


def plan_verify(
    batch: BatchSummary, identity: StripeIdentity, comparison: Comparison, again: bool, resend_missing: bool
) -> VerifyPlan:
    found = ",".join(map(str, sorted(comparison.found)))
    changes: Mapping[str, object] = {
        "batch": batch.batch_id,
        "found": len(comparison.found),
        "found_items": hashlib.sha256(found.encode()).hexdigest(),
        "states": {change.item.identifier: change.after.value for change in comparison.changes},
    }
    digest = digest_of("batches verify", identity, changes)
    return VerifyPlan(batch, identity, comparison, again, resend_missing, changes, digest)
