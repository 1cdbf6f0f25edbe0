"""Which path does what."""

from billing_cli.sandbox.simulator import (
    account,
    credit_grants,
    customers,
    event_destinations,
    invoices,
    meter_event_stream,
    meter_events,
    meters,
    payments,
    payouts,
    prices,
    reports,
    summaries,
    thin_events,
    usage_records,
    webhooks,
)
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler, TwoIdsHandler
from billing_cli.sandbox.simulator.replies import Call, Reply, unrecognized
from billing_cli.sandbox.simulator.state import State

PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("POST", "/v1/billing/meter_events"): meter_events.create_meter_event,
    ("POST", "/v1/billing/meter_event_adjustments"): meter_events.cancel_meter_event,
    ("POST", meter_event_stream.SESSIONS): meter_event_stream.create_session,
    ("POST", meter_event_stream.STREAM): meter_event_stream.create_events,
    ("GET", "/v1/account"): account.get_account,
    ("GET", "/v1/balance"): account.get_balance,
    ("GET", "/v1/customers"): customers.list_customers,
    ("POST", "/v1/customers"): customers.create_customer,
    ("GET", "/v1/billing/meters"): meters.list_meters,
    ("POST", "/v1/billing/meters"): meters.create_meter,
    ("GET", "/v1/events"): account.list_events,
    ("GET", "/v2/core/events"): thin_events.list_thin_events,
    **credit_grants.PLAIN,
    **payments.PLAIN,
    **payouts.PLAIN,
    **reports.PLAIN,
    **invoices.PLAIN,
    **webhooks.PLAIN,
    **event_destinations.PLAIN,
}
# (method, what stands before the id, what stands behind it)
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/customers/", ""): customers.get_customer,
    ("POST", "/v1/customers/", ""): customers.update_customer,
    ("DELETE", "/v1/customers/", ""): customers.delete_customer,
    ("GET", "/v1/billing/meters/", ""): meters.get_meter,
    ("POST", "/v1/billing/meters/", ""): meters.update_meter,
    ("POST", "/v1/billing/meters/", "/deactivate"): meters.deactivate_meter,
    ("POST", "/v1/billing/meters/", "/reactivate"): meters.reactivate_meter,
    ("GET", "/v1/billing/meters/", "/event_summaries"): summaries.list_summaries,
    ("GET", "/v1/events/", ""): account.get_event,
    ("GET", "/v2/core/events/", ""): thin_events.get_thin_event,
    **credit_grants.WITH_ID,
    **payments.WITH_ID,
    **payouts.WITH_ID,
    **prices.WITH_ID,
    **reports.WITH_ID,
    **invoices.WITH_ID,
    **usage_records.WITH_ID,
    **webhooks.WITH_ID,
}
# (method, what stands before the first id, what stands between it and the second)
WITH_TWO_IDS: dict[tuple[str, str, str], TwoIdsHandler] = {**invoices.WITH_TWO_IDS}


def answer(state: State, call: Call) -> Reply:
    plain = PLAIN.get((call.method, call.path))
    if plain is not None:
        return plain(state, call)
    for (method, before, behind), handler in WITH_ID.items():
        if method == call.method and call.path.startswith(before) and call.path.endswith(behind):
            identity = call.path[len(before) : len(call.path) - len(behind)]
            if identity and "/" not in identity:
                return handler(state, call, identity)
    for (method, before, between), nested in WITH_TWO_IDS.items():
        if method == call.method and call.path.startswith(before):
            first, found, second = call.path[len(before) :].partition(between)
            if found and first and second and "/" not in first + second:
                return nested(state, call, first, second)
    raise unrecognized(call)
