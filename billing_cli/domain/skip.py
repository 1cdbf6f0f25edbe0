"""Why usage is not sent: every reason, in words, and whether a person should mend it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SkipReason:
    """`mend`: rows skipped for this reason would go unbilled unless somebody acts."""

    sentence: str
    mend: bool
    next_step: str = ""


SKIP_REASONS: dict[str, SkipReason] = {
    "unknown_company": SkipReason("company is not in billing_companies", True, "add the company, then export again"),
    "conflicting_company": SkipReason(
        "company has more than one Stripe customer", True, "leave one row per company in billing_companies"
    ),
    "no_customer": SkipReason("company has no Stripe customer", True, "set stripe_customer_id, then export again"),
    "no_meter": SkipReason(
        "no Stripe meter of that event name",
        True,
        "create the meter, or map it under [meters] in billing.toml",
    ),
    "meter_inactive": SkipReason("Stripe meter is archived", True, "reactivate the meter in Stripe"),
    "meter_formula": SkipReason("Stripe meter's formula is not sum", True, "use a meter that sums"),
    "meter_windowed": SkipReason("Stripe meter keeps only the last event of a window", True, "use a plain sum meter"),
    "bad_quantity": SkipReason("quantity is NULL, NaN or infinite", True, "correct the rows, then export again"),
    "too_old": SkipReason("older than the 35 days Stripe accepts", True, "bill it by hand with an invoice item"),
    "too_precise": SkipReason(
        "hour's total has more than the 15 digits Stripe accepts", True, "round the rows, then export again"
    ),
    "correction": SkipReason(
        "hour's amount is negative: its total shrank, or is below zero", True, "check it, then use --allow-corrections"
    ),
    "zero_total": SkipReason("rows of the hour add up to zero", False),
}
