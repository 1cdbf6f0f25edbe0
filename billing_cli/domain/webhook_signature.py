"""Whether Stripe signed a webhook: HMAC-SHA256 of `{t}.{raw body}` under the endpoint's secret.

The rule is https://docs.stripe.com/webhooks#verify-manually; unlike Stripe's libraries, a timestamp of
the future fails as one of the past does.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SCHEME = "v1"
TOLERANCE_S = 300
# No clock goes further; longer numbers could not even be printed.
_LAST_S = 10**15


class Failure(StrEnum):
    """Why a webhook is not believed."""

    NO_HEADER = "no_header"
    HEADER_UNREADABLE = "header_unreadable"
    NO_SIGNATURE = "no_signature"
    NO_MATCH = "no_match"
    TOO_OLD = "too_old"
    IN_THE_FUTURE = "in_the_future"


@dataclass(frozen=True)
class Verdict:
    """`secret_number` counts from 1 and is set where a secret matched, even if the time is wrong."""

    failure: Failure | None
    timestamp: int | None = None
    age_s: int | None = None
    secret_number: int | None = None

    @property
    def valid(self) -> bool:
        return self.failure is None


@dataclass(frozen=True)
class SignatureHeader:
    """A `Stripe-Signature`, taken apart."""

    timestamp: int
    signatures: frozenset[str]


def read_header(text: str) -> SignatureHeader | None:
    """`t=…,v1=…[,v1=…]`; None where it cannot be read. Other schemes are left aside."""
    fields = [item.split("=", 2) for item in text.split(",")]
    try:
        timestamp = next(int(field[1]) for field in fields if field[0] == "t")
        if abs(timestamp) > _LAST_S:
            return None
        return SignatureHeader(timestamp, frozenset(field[1] for field in fields if field[0] == SCHEME))
    except (StopIteration, IndexError, ValueError):
        return None


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """Lower-case hex, 64 characters."""
    return hmac.new(secret.encode(), b"%d." % timestamp + payload, hashlib.sha256).hexdigest()


def signed_header(payload: bytes, secret: str, timestamp: int) -> str:
    """The header that Stripe would send with this body."""
    return f"t={timestamp},{SCHEME}={signature(payload, secret, timestamp)}"


def matching_secret(payload: bytes, header: SignatureHeader, secrets: Sequence[str]) -> int | None:
    """Which secret signed this body, counted from 1. One HMAC a secret, however many signatures there are."""
    for number, secret in enumerate(secrets, start=1):
        # The header comes from outside, but nothing is learned from the time this takes: no answer goes back there.
        if signature(payload, secret, header.timestamp) in header.signatures:
            return number
    return None


def verify(payload: bytes, header: str | None, secrets: Sequence[str], at_s: int) -> Verdict:
    """The verdict as of `at_s` (epoch seconds). Never raises, whatever the bytes are."""
    if not header:
        return Verdict(Failure.NO_HEADER)
    read = read_header(header)
    if read is None:
        return Verdict(Failure.HEADER_UNREADABLE)
    age_s = at_s - read.timestamp
    if not read.signatures:
        return Verdict(Failure.NO_SIGNATURE, read.timestamp, age_s)
    number = matching_secret(payload, read, secrets)
    failure = Failure.NO_MATCH if number is None else _time_failure(age_s)
    return Verdict(failure, read.timestamp, age_s, number)


def _time_failure(age_s: int) -> Failure | None:
    if age_s > TOLERANCE_S:
        return Failure.TOO_OLD
    return Failure.IN_THE_FUTURE if age_s < -TOLERANCE_S else None
