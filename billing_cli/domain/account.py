"""Whose money a command would move: the Stripe account, and whether it is real."""

from dataclasses import dataclass

LIVE_KEY_PREFIXES = ("sk_live_", "rk_live_")


@dataclass(frozen=True)
class StripeIdentity:
    """The account behind the key, as Stripe tells it, beside what the key's own prefix says."""

    account_id: str
    livemode: bool
    key_is_live: bool

    @property
    def agrees(self) -> bool:
        """False when the key's prefix and Stripe's answer contradict each other."""
        return self.livemode == self.key_is_live


def is_live_key(key: str) -> bool:
    return key.startswith(LIVE_KEY_PREFIXES)
