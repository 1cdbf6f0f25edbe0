"""A window of time, by its name or its bounds: whole UTC hours, half-open, not in the future."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from billing_cli.domain.errors import BadInput

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# https://docs.stripe.com/api/billing/meter-event/create: the timestamp is within the past 35 days.
STRIPE_TAKES = timedelta(days=35)
OUTSTANDING = "outstanding"


@dataclass(frozen=True)
class Window:
    """From `start` up to but excluding `end`, both UTC and on the hour."""

    start: datetime
    end: datetime

    @property
    def last_day(self) -> date:
        return (self.end - timedelta(microseconds=1)).date()


def chosen_window(start: str | None, end: str | None, period: str | None, now: datetime) -> Window:
    """The window that `--period`, or `--start` and `--end`, name. Raises BadInput for any other mixture of them."""
    if period is not None and start is None and end is None:
        return window_from_period(period, now)
    if period is None and start is not None and end is not None:
        return window_from_bounds(start, end, now)
    raise BadInput("Give either --period, or both --start and --end.", "For example: --period yesterday")


def window_from_month(text: str) -> Window:
    """The calendar month of `2026-10`, which may not be over. Raises BadInput."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text, re.ASCII) or text < "2000":
        raise BadInput(f"{text!r} is no month.", "Write it as 2026-10.")
    start = datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
    return Window(start, _first_of_month(start + timedelta(days=31)))


def window_from_bounds(start: str, end: str, now: datetime) -> Window:
    """A window from `--start` and `--end`. A bare end date includes that day.

    Raises BadInput for impossible dates, an end before the start, parts of hours, and the future:
    an hour that is not over would be billed in pieces, and one that has not begun not at all.
    """
    window = Window(instant_of(start, "--start"), instant_of(end, "--end", through_day=True))
    for name, instant in (("--start", window.start), ("--end", window.end)):
        if instant != _whole_hour(instant):
            raise BadInput(f"{name} {instant.isoformat()} is not on a full UTC hour.", "Usage is sent by whole hours.")
    if window.end <= window.start:
        raise BadInput(
            f"The end ({window.end:%Y-%m-%d %H:%M}Z) is not after the start ({window.start:%Y-%m-%d %H:%M}Z)."
        )
    if window.end > _whole_hour(now):
        raise BadInput(
            f"The window ends at {window.end:%Y-%m-%d %H:%M}Z, which is in the future or in an hour not yet over.",
            _over_by(now, window.start),
        )
    return window


def _over_by(now: datetime, start: datetime) -> str:
    """Which ends there are: the last day that is over, and the last hour of today."""
    midnight, hour = _midnight(now), _whole_hour(now)
    if hour <= start:
        return "Wait until an hour of it is over."
    ends = [f"{midnight - _DAY:%Y-%m-%d}"] if midnight > start else []
    ends += [f"{hour:%Y-%m-%dT%H:%MZ}"] if hour > midnight else []
    return f"End with {' or '.join(ends)}."


def window_from_period(name: str, now: datetime) -> Window:
    """A window from `--period`; periods that are still running end with the last full hour."""
    if name not in PERIODS:
        raise BadInput(f"There is no period {name!r}.", f"Use one of: {', '.join(PERIODS)}.")
    start, end = PERIODS[name](now.astimezone(UTC))
    if end <= start:
        raise BadInput(
            f"No full hour of the period {name!r} is over yet.",
            "Wait for the hour to end, or use --period yesterday.",
        )
    return Window(start, end)


def instant_of(text: str, option: str, through_day: bool = False) -> datetime:
    """The instant that an option gives, in UTC; `through_day`: a bare date stands for its end. Raises BadInput."""
    try:
        return _parsed(text, through_day)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{option} {text!r} is not a date.", "Write 2026-10-31 or 2026-10-31T14:00Z; the day must exist."
        ) from None


def _parsed(text: str, through_day: bool) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    midnight = datetime.combine(day, time(), UTC)
    return midnight + _DAY if through_day else midnight


def _whole_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _midnight(instant: datetime) -> datetime:
    return _whole_hour(instant).replace(hour=0)


def _first_of_month(instant: datetime) -> datetime:
    return _midnight(instant).replace(day=1)


def _last_month(now: datetime) -> tuple[datetime, datetime]:
    end = _first_of_month(now)
    return _first_of_month(end - _DAY), end


def _outstanding(now: datetime) -> tuple[datetime, datetime]:
    """All hours that Stripe takes: those of the last 35 days, less two for the time that a run takes."""
    end = _whole_hour(now)
    return end - STRIPE_TAKES + 2 * _HOUR, end


PERIODS: dict[str, Callable[[datetime], tuple[datetime, datetime]]] = {
    OUTSTANDING: _outstanding,
    "yesterday": lambda now: (_midnight(now) - _DAY, _midnight(now)),
    "today": lambda now: (_midnight(now), _whole_hour(now)),
    "last-hour": lambda now: (_whole_hour(now) - _HOUR, _whole_hour(now)),
    "last-month": _last_month,
    "month-to-date": lambda now: (_first_of_month(now), _whole_hour(now)),
}
