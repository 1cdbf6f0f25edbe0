"""What a command would do, and the digest that names exactly this."""

import hashlib
import json
from collections.abc import Mapping
from typing import Protocol

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.limits import Demands

# As much of a digest as people are shown and may type; a plan's identity is the whole of it.
SHOWN_DIGEST_CHARS = 16


class Plan(Protocol):
    """A command's complete intent, computed from facts alone.

    `request` is what the operator asked for: enough to plan again. `changes` is what the digest covers.
    """

    @property
    def command(self) -> str: ...

    @property
    def identity(self) -> StripeIdentity: ...

    @property
    def digest(self) -> str: ...

    @property
    def request(self) -> Mapping[str, object]: ...

    @property
    def changes(self) -> Mapping[str, object]: ...

    @property
    def demands(self) -> Demands: ...

    @property
    def empty(self) -> bool:
        """Whether there is nothing to carry out."""
        ...


def digest_of(command: str, identity: StripeIdentity, changes: object) -> str:
    """SHA-256 over the command, the Stripe account, its mode and every change; hex, 64 characters."""
    content = [command, identity.account_id, identity.livemode, changes]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
