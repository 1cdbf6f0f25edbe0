"""The Reporting API: itemized reports of balance transactions, written as CSV in major units."""

import csv
import io
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from billing_cli.domain.money import Money, major
from billing_cli.sandbox.simulator import balance_transactions
from billing_cli.sandbox.simulator.handlers import IdHandler, PlainHandler
from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply, integer, mapping, missing, ok, required
from billing_cli.sandbox.simulator.state import State

NOUN = "report_run"
_DAY_S = 86_400
_SINCE_S = 1_577_836_800  # 2020-01-01
_ACTIVITY, _PAYOUTS = "balance_change_from_activity.itemized", "payout_reconciliation.itemized"
_VERSIONS = {f"{_ACTIVITY}.3": 3, f"{_ACTIVITY}.6": 6, f"{_PAYOUTS}.5": 5}

Row = dict[str, Any]


def _major(field: str) -> Callable[[Row], str]:
    return lambda row: major(Money(row[field], row["currency"]))


def _time(field: str) -> Callable[[Row], str]:
    return lambda row: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row[field]))


def _own(field: str) -> Callable[[Row], str]:
    return lambda row: str(row.get(field) or "")


def _seen(row: Row) -> str:
    """What the customer saw."""
    about = row["about"]
    if about.get("currency") is None:
        return ""
    amount = row["amount"] if row["exchange_rate"] is None else about.get("amount_captured", about["amount"])
    return _major("amount")({"amount": amount, "currency": about["currency"]})


# What Stripe calls a column, and how it is made of a transaction; `about` is its source.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "balance_transaction_id": _own("id"),
    "created_utc": _time("created"),
    "created": _time("created"),
    "available_on_utc": _time("available_on"),
    "available_on": _time("available_on"),
    "currency": _own("currency"),
    "gross": _major("amount"),
    "fee": _major("fee"),
    "net": _major("net"),
    "reporting_category": _own("reporting_category"),
    "source_id": _own("source"),
    "description": _own("description"),
    "customer_facing_amount": _seen,
    "customer_facing_currency": lambda row: str(row["about"].get("currency") or ""),
    "automatic_payout_id": _own("payout"),
    "customer_id": lambda row: str(row["charge"].get("customer") or ""),
    "charge_id": lambda row: str(row["charge"].get("id") or ""),
    "payment_intent_id": lambda row: str(row["charge"].get("payment_intent") or ""),
}
_DEFAULT = list(COLUMNS)[:12]


def list_types(state: State, call: Call) -> Reply:
    found = [_type(name, call.now_s) for name in _VERSIONS]
    return ok({"object": "list", "url": call.path, "has_more": False, "data": found})


def get_type(state: State, call: Call, name: str) -> Reply:
    if name not in _VERSIONS:
        raise missing("reporting.report_type", name)
    return ok(_type(name, call.now_s))


def _type(name: str, now_s: float) -> dict[str, Any]:
    return {
        "id": name,
        "object": "reporting.report_type",
        # Until the last midnight, as for most accounts.
        "data_available_end": int(now_s) // _DAY_S * _DAY_S,
        "data_available_start": _SINCE_S,
        "default_columns": _DEFAULT,
        "livemode": False,
        "name": name.replace("_", " "),
        "updated": int(now_s),
        "version": _VERSIONS[name],
    }


def create_run(state: State, call: Call) -> Reply:
    name, given = required(call, "report_type"), mapping(call, "parameters")
    if name not in _VERSIONS:
        raise Refusal(400, f"No such report_type: '{name}'", param="report_type")
    available = _type(name, call.now_s)
    start, end = integer(call, "parameters[interval_start]"), integer(call, "parameters[interval_end]")
    if not available["data_available_start"] <= start < end <= available["data_available_end"]:
        raise Refusal(
            400, "The interval must lie within data_available_start and data_available_end.", param="parameters"
        )
    columns = [value for key, value in given.items() if key.startswith("columns]")] or _DEFAULT
    for column in columns:
        if column not in COLUMNS:
            raise Refusal(400, f"Invalid column: {column}.", param="parameters[columns]")
    run = {
        "id": f"frr_{secrets.token_hex(12)}",
        "object": "reporting.report_run",
        "created": int(call.now_s),
        "error": None,
        "livemode": call.livemode,
        "parameters": {"columns": columns, "interval_start": start, "interval_end": end},
        "report_type": name,
        "result": None,
        "status": "pending",
        "succeeded_at": None,
        "sandbox_polls": 0,
    }
    state.put(NOUN, run, call.now_s)
    return ok(_shown(run))


def get_run(state: State, call: Call, run_id: str) -> Reply:
    """Pending until it was asked for often enough, then over."""
    run = _find(state, run_id)
    if run["status"] == "pending":
        run = {**run, "sandbox_polls": run["sandbox_polls"] + 1}
        if run["sandbox_polls"] >= state.settings.report_polls:
            run |= _over(state, call, run)
        state.put(NOUN, run, call.now_s)
    return ok(_shown(run))


def _over(state: State, call: Call, run: Row) -> dict[str, Any]:
    if state.settings.report_error:
        return {"status": "failed", "error": state.settings.report_error}
    file_id = f"file_{run['id'].removeprefix('frr_')}"
    url = f"http://{call.host}/v1/files/{file_id}/contents"
    result = {"id": file_id, "object": "file", "purpose": "finance_report_run", "type": "csv", "url": url}
    return {
        "status": "succeeded",
        "succeeded_at": int(call.now_s),
        "result": result | {"size": len(_content(state, run))},
    }


def get_contents(state: State, call: Call, file_id: str) -> Reply:
    run = _find(state, f"frr_{file_id.removeprefix('file_')}")
    return Reply(200, _content(state, run), {"Content-Type": "text/csv"})


def _content(state: State, run: Row) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    columns = run["parameters"]["columns"]
    writer.writerow(columns)
    for row in _rows(state, run):
        writer.writerow([COLUMNS[column](row) for column in columns])
    return out.getvalue().encode()


def _rows(state: State, run: Row) -> Iterator[Row]:
    """Activity is all but payouts, by creation; payout reconciliation what completed payouts are made of."""
    start, end = run["parameters"]["interval_start"], run["parameters"]["interval_end"]
    payouts = state.objects("payout")
    for one in state.objects(balance_transactions.NOUN).values():
        if run["report_type"].startswith(_ACTIVITY):
            wanted = start <= one["created"] < end and not one["reporting_category"].startswith("payout")
        else:
            payout = payouts.get(one["payout"] or "", {"reconciliation_status": "", "arrival_date": 0})
            settled = payout["reconciliation_status"] == "completed" and one["source"] != payout["id"]
            wanted = settled and start <= payout["arrival_date"] < end
        if wanted:
            about = balance_transactions.source_of(state, one)
            about = about if isinstance(about, dict) else {}
            charge = state.objects("charge").get(about.get("charge", ""), about if one["type"] == "charge" else {})
            yield {**one, "about": about, "charge": charge}


def _find(state: State, run_id: str) -> Row:
    found = state.objects(NOUN).get(run_id)
    if found is None:
        raise missing("reporting.report_run", run_id)
    return found


def _shown(run: Row) -> Row:
    return {name: value for name, value in run.items() if name != "sandbox_polls"}


PLAIN: dict[tuple[str, str], PlainHandler] = {
    ("GET", "/v1/reporting/report_types"): list_types,
    ("POST", "/v1/reporting/report_runs"): create_run,
}
WITH_ID: dict[tuple[str, str, str], IdHandler] = {
    ("GET", "/v1/reporting/report_types/", ""): get_type,
    ("GET", "/v1/reporting/report_runs/", ""): get_run,
    ("GET", "/v1/files/", "/contents"): get_contents,
}
