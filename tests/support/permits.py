"""Permits for tests of what comes after them."""

from billing_cli.domain.permit import Permit


def lasting() -> Permit:
    """A permit by a clock that stands still."""
    permit = Permit(lambda: (0.0,))
    permit.renew((0.0,), 1.0)
    return permit


def expired() -> Permit:
    permit = Permit(lambda: (1.0,))
    permit.renew((0.0,), 1.0)
    return permit
