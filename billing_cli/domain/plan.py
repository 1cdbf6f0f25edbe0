"""What a command would do, and the digest that names exactly this."""

import hashlib
import json
from typing import Protocol

from billing_cli.domain.account import StripeIdentity

# As much of a digest as people are shown and may type; a plan's identity is the whole of it.
SHOWN_DIGEST_CHARS = 16


class Plan(Protocol):
    """A command's complete intent, computed from facts alone."""

    @property
    def command(self) -> str: ...

    @property
    def identity(self) -> StripeIdentity: ...

    @property
    def digest(self) -> str: ...


def digest_of(command: str, identity: StripeIdentity, changes: object) -> str:
    """SHA-256 over the command, the Stripe account, its mode and every change; hex, 64 characters."""
    content = [command, identity.account_id, identity.livemode, changes]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
