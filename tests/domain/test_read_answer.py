"""The table of answers to reads: the object that the address names, or a list of such objects."""

from typing import Any

import pytest
from stripe._object_classes import OBJECT_CLASSES, V2_OBJECT_CLASSES

from billing_cli.domain.read_answer import flaw_of


def listed(kind: str, **changes: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"object": kind, "id": "x_1"}], "has_more": False, **changes}


OTHER = {"object": "customer", "id": "cus_other"}
EMPTY = {"object": "list", "data": [], "has_more": False}
RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("/v1/account", {"object": "account", "id": "acct_1"}),
    ("/v1/balance", {"object": "balance"}),
    ("/v1/payment_intents/pi_1", {"object": "payment_intent", "id": "pi_1"}),
    ("/v1/customers/cus_1", {"object": "customer", "id": "cus_1", "deleted": True}),
    ("/v1/prices/price_1", {"object": "price", "id": "price_1"}),
    ("/v1/credit_notes/preview", {"object": "credit_note", "id": "cn_1"}),
    ("/v1/reporting/report_runs/frr_1", {"object": "reporting.report_run", "id": "frr_1"}),
    ("/v1/invoices", listed("invoice")),
    ("/v1/invoices", EMPTY),
    ("/v1/invoiceitems", listed("invoiceitem")),
    ("/v1/billing/meters", listed("billing.meter")),
    ("/v1/billing/meters/mtr_1/event_summaries", listed("billing.meter_event_summary")),
    ("/v1/billing/credit_grants", listed("billing.credit_grant")),
    ("/v1/balance_transactions", listed("balance_transaction")),
    ("/v1/customers/cus_1/balance_transactions", listed("customer_balance_transaction")),
    ("/v2/core/events", {"data": [{"object": "v2.core.event"}], "next_page_url": None}),
    ("/v2/core/event_destinations", {"data": [{"object": "v2.core.event_destination"}]}),
]
ADDRESSES = list(dict.fromkeys(path for path, _ in RIGHT))
WRONG: list[tuple[str, dict[str, Any]]] = [
    *[(path, OTHER) for path in ADDRESSES if path != "/v1/customers/cus_1"],
    *[(path, EMPTY) for path in ADDRESSES if path.rpartition("/")[2].count("_") == 1 and "1" in path[-2:]],
    ("/v1/account", {"object": "account"}),
    ("/v1/account", {"object": "account", "id": "cus_other"}),
    ("/v1/account", EMPTY),
    ("/v1/balance", {}),
    ("/v1/customers/cus_1", OTHER),
    ("/v1/payment_intents/pi_1", {"object": "payment_intent", "id": "pi_2"}),
    ("/v1/invoices", {"data": [], "has_more": False, "object": "search_result"}),
    ("/v1/invoices", {"object": "list", "data": []}),
    ("/v1/invoices", {"data": [], "has_more": False}),
    ("/v1/invoices", listed("invoice", data={})),
    ("/v1/invoices", listed("invoice", data=None)),
    ("/v1/invoices", listed("invoice", data=["in_1"])),
    ("/v1/invoices", listed("charge")),
    ("/v1/customers/cus_1/balance_transactions", listed("balance_transaction")),
    ("/v2/core/events", {"data": [{"object": "event"}]}),
]


@pytest.mark.parametrize(("path", "document"), RIGHT)
def test_what_was_asked_for(path: str, document: dict[str, Any]) -> None:
    assert flaw_of("get", path, document) is None


@pytest.mark.parametrize(("path", "document"), WRONG)
def test_what_was_not(path: str, document: dict[str, Any]) -> None:
    assert flaw_of("get", path, document)


@pytest.mark.parametrize(("path", "document"), RIGHT)
def test_the_sdk_knows_every_kind(path: str, document: dict[str, Any]) -> None:
    known = V2_OBJECT_CLASSES if path.startswith("/v2/") else OBJECT_CLASSES
    assert all(member["object"] in known for member in document.get("data", [document]))


def test_a_post_makes_one_object() -> None:
    run = {"object": "reporting.report_run", "id": "frr_1"}
    assert flaw_of("post", "/v1/reporting/report_runs", run) is None
    assert flaw_of("post", "/v1/reporting/report_runs", listed("reporting.report_run"))
