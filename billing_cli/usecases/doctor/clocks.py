"""Clocks: the one here against others."""

from collections.abc import Iterator
from datetime import datetime

from billing_cli.domain.verdict import Verdict, failed, passed, warned

_FINE_S, _BEARABLE_S = 5, 60


def same_time(whose: str, theirs: datetime, here: datetime) -> Iterator[Verdict]:
    """Up to 5 s apart is a pass, up to 60 s a warning. Stripe takes usage at most 5 minutes ahead of its clock."""
    ahead_s = round((theirs - here).total_seconds())
    says = f"{whose} clock is {abs(ahead_s):,} s {'ahead of' if ahead_s > 0 else 'behind'} the one here."
    step = "Set the clock here by NTP (timedatectl set-ntp true)."
    if abs(ahead_s) <= _FINE_S:
        yield passed(f"{abs(ahead_s)} s apart.")
    elif abs(ahead_s) <= _BEARABLE_S:
        yield warned(says, step)
    else:
        yield failed(says, step)
