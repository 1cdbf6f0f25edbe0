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
    "meter_formula": SkipReason("Stripe meter counts events, not amounts", True, "use a meter that sums"),
    "former_meter": SkipReason(
        "sent to an archived Stripe meter that had this event name", True, "correct its customer by hand, with a credit"
    ),
    "partial_window": SkipReason("meter counts whole days, and the window has a part of one", False),
    "no_subscription": SkipReason(
        "customer has no subscription item of the price", True, "subscribe the customer in Stripe, then export again"
    ),
    "conflicting_subscription": SkipReason(
        "customer has more than one subscription item of the price", True, "leave one of them, then export again"
    ),
    "late": SkipReason(
        "its period's invoice is final", True, "choose late_usage under [export] in billing.toml, or bill it by hand"
    ),
    "ended": SkipReason(
        "its subscription has ended, and no later invoice will have it", True, "bill it by hand if it is owed"
    ),
    "credit_due": SkipReason(
        "less usage than its final invoice has: a credit is due",
        True,
        "credit the customer: billing adjust COMPANY credit",
    ),
    "rolled_back": SkipReason("its batch was rolled back", True, "send it again with --resend-rolled-back"),
    "bad_quantity": SkipReason(
        "quantity is NULL, NaN, infinite, 1e30 and more, or has more than 30 decimals",
        True,
        "correct the rows, then export again",
    ),
    "too_old": SkipReason("older than the 35 days Stripe accepts", True, "bill it by hand with an invoice item"),
    "too_precise": SkipReason(
        "hour's total has more than the 15 digits Stripe accepts", True, "round the rows, then export again"
    ),
    "not_whole": SkipReason(
        "hour's total is no whole number of units, or below zero",
        True,
        'set unit (such as unit = "0.001") under [meters.NAME] in billing.toml, or round the rows',
    ),
    "value_gone": SkipReason(
        "rows behind a sent last value are gone",
        True,
        "add the right value as a new row, or send 0 with --allow-corrections",
    ),
    "correction": SkipReason("the period's total would shrink", True, "check it, then use --allow-corrections"),
    "moved": SkipReason(
        "still counted at another customer or meter, as a correction that is held",
        True,
        "check it, then use --allow-corrections: the correction goes first, then this",
    ),
    "in_doubt": SkipReason(
        "a correction of events that Stripe may not have counted",
        True,
        "verify the batch with the ambiguous items, then export again",
    ),
    "zero_total": SkipReason("rows of the hour add up to zero", False),
}
