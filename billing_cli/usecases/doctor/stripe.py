"""Stripe: it answers, at the same time as here, to a key of the mode that it says."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.doctor import Check, Subject
from billing_cli.domain.verdict import Verdict, failed, passed
from billing_cli.usecases.doctor.clocks import same_time
from billing_cli.usecases.doctor.facts import Fact, Timed

# A Date header has whole seconds.
_HALF_A_SECOND = timedelta(seconds=0.5)


def stripe_checks(reach: Fact[Timed[datetime]], identity: Fact[StripeIdentity]) -> list[Check]:
    """`reach`: when Stripe answered, by its clock."""
    looks = {
        "stripe-reach": lambda: reached(reach()),
        "stripe-clock": lambda: same_time("Stripe's", reach().value + _HALF_A_SECOND, reach().here),
        "stripe-mode": lambda: mode(identity()),
    }
    return [Check(name, Subject.STRIPE, look) for name, look in looks.items()]


def reached(answer: Timed[datetime]) -> Iterator[Verdict]:
    yield passed("Stripe answers and takes the key.")


def mode(identity: StripeIdentity) -> Iterator[Verdict]:
    mode_name = "live" if identity.livemode else "test"
    if identity.agrees:
        yield passed(f"Account {identity.account_id}, {mode_name} mode; the key agrees.")
    else:
        yield failed(
            f"Account {identity.account_id} is in {mode_name} mode, and the key is for another mode.",
            "Check STRIPE_SECRET_KEY and STRIPE_API_BASE.",
        )
