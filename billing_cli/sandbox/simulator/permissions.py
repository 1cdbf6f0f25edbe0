"""What a restricted key may do: each call needs a permission, and so does what it expands."""

import re

from billing_cli.sandbox.simulator.account import ACCOUNT_ID
from billing_cli.sandbox.simulator.replies import Call, Refusal
from billing_cli.sandbox.simulator.state import State

# By path; reading needs …_read, everything else …_write. The names are Stripe's own, as its answers and its
# reference of permissions have them: https://docs.stripe.com/keys/permissions-reference
_RESOURCES = [
    (re.compile(pattern), resource)
    for pattern, resource in (
        (r"/v1/account$", "connected_account"),
        (r"/v1/balance$", "balance"),
        (r"/v1/balance_transactions", "balance_transaction_source"),
        (r"/v1/billing/credit_grants", "billing_credit_grant"),
        (r"/v1/billing/meters", "billing_meter"),
        (r"/v[12]/billing/meter_event", "billing_meter_event"),
        (r"/v1/(charges|refunds)", "charge"),
        (r"/v1/credit_notes", "credit_note"),
        (r"/v1/customers", "customer"),
        (r"/v1/disputes", "dispute"),
        (r"/v1/events|/v2/core/events", "event"),
        (r"/v1/files", "file"),
        (r"/v1/(invoices|invoiceitems|invoice_payments)", "invoice"),
        (r"/v1/payment_intents", "payment_intent"),
        (r"/v1/payouts", "payout"),
        (r"/v1/prices", "plan"),
        (r"/v1/reporting", "report_runs_and_report_types"),
        (r"/v1/subscription_items/[^/]+/usage_record", "usage_record"),
        (r"/v1/subscription", "subscription"),
        (r"/v1/webhook_endpoints|/v2/core/event_destinations", "webhook"),
    )
]
# What stands in `expand`, part by part. The source of a balance transaction comes with the transaction.
_EXPANDED = {
    "charge": "charge_read",
    "latest_charge": "charge_read",
    "balance_transaction": "balance_transaction_source_read",
}


def check_permissions(state: State, call: Call, key: str) -> None:
    """Raises Refusal where `restricted_to` names permissions, the key is a restricted one, and one is not among them.

    What is needed is kept in `asked`, whether it was there or not.
    """
    if not state.settings.restricted_to or not key.startswith("rk_"):
        return
    for needed in _needed(call):
        state.asked.add(needed)
        if not {needed, needed.replace("_read", "_write")} & set(state.settings.restricted_to):
            raise Refusal(
                403,
                f"The provided key '{key[:8]}****{key[-4:]}' does not have the required permissions for this endpoint "
                f"on account '{ACCOUNT_ID}'. Having the 'rak_{needed}' permission would allow this request to "
                "continue.",
            )


def _needed(call: Call) -> list[str]:
    resources = (resource for pattern, resource in _RESOURCES if pattern.match(call.path))
    needed = [f"{resource}_{'read' if call.method == 'GET' else 'write'}" for resource in resources][:1]
    for name, value in call.params.items():
        if name.startswith("expand["):
            needed += [_EXPANDED[part] for part in value.split(".") if part in _EXPANDED]
    return needed
