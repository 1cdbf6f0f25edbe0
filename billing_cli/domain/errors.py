"""What can go wrong, as sentences: what happened, and the next step to take.

Exit codes are not known here; `billing_cli.cli.app` holds the only map from error to exit code.
"""


class BillingError(Exception):
    """Base of every error an operator is meant to read. Never carries a secret."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class BadInput(BillingError):
    """The command line or a file says something impossible (an end before the start)."""


class NoSuchObject(BadInput):
    """Stripe does not know the object that a request names. Only Stripe's own answer says so."""


class Misconfigured(BillingError):
    """The environment, billing.toml or the database schema is not ready."""


class FoundWrong(BillingError):
    """Something was checked and is not as it must be (a PDF that is none)."""


class Refused(BillingError):
    """A gate is closed; nothing was written."""


class NotMigrated(Misconfigured):
    """The database lacks functions or tables of this version."""


class DoesNotFit(Misconfigured):
    """A relation of the database lacks a column or has one of another type, or a function was changed by hand."""


class PlanChanged(Refused):
    """The facts changed between the plan and its execution; nothing was written."""


class Unavailable(BillingError):
    """Stripe or the database cannot be reached, or is too slow: try later."""


class LockHeld(Unavailable):
    """Another run is at work on the same thing."""


class LeaseLost(Unavailable):
    """This run was silent for so long that another one took over its work."""


class Fault(BillingError):
    """Something is wrong in this program."""
