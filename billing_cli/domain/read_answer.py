"""What an answer to a read has to be: the object that its address names, or a list of such objects."""

from collections.abc import Mapping

# The object that stands alone at an address.
_ALONE = {"account": "account", "balance": "balance", "credit_notes/preview": "credit_note"}
# What the names of collections stand for; all others by leaving out their plural.
_NAMED = {
    "meters": "billing.meter",
    "credit_grants": "billing.credit_grant",
    "event_summaries": "billing.meter_event_summary",
    "invoiceitems": "invoiceitem",
    "report_runs": "reporting.report_run",
    "report_types": "reporting.report_type",
}
_NAMED_IN_V2 = {"events": "v2.core.event", "event_destinations": "v2.core.event_destination"}
_OF_A_CUSTOMER = {"balance_transactions": "customer_balance_transaction"}
_PREFIXES = {"billing", "reporting", "core"}


def flaw_of(method: str, path: str, document: Mapping[str, object]) -> str | None:
    """Why the document is not what was asked for, for the operator; None if it is. A POST makes one object."""
    version, *names = [name for name in path.split("/") if name and name not in _PREFIXES]
    if alone := _ALONE.get("/".join(names)):
        return _not_one(document, alone, None)
    if len(names) % 2 == 0:
        return _not_one(document, _kind(version, names[:-1]), names[-1])
    kind = _kind(version, names)
    return _not_one(document, kind, None) if method == "post" else _not_many(version, document, kind)


def _kind(version: str, names: list[str]) -> str:
    """Of the members of a collection: names of collections and ids take turns."""
    special = _NAMED if version == "v1" else _NAMED_IN_V2
    nested = _OF_A_CUSTOMER if len(names) > 1 and names[0] == "customers" else {}
    return nested.get(names[-1]) or special.get(names[-1]) or names[-1].removesuffix("s")


def _not_one(document: Mapping[str, object], kind: str, object_id: str | None) -> str | None:
    if document.get("object") != kind:
        return f"its object is not {kind}"
    if object_id is not None and document.get("id") != object_id:
        return f"its id is not {object_id}"
    if kind == "account" and not str(document.get("id")).startswith("acct_"):
        return "its id is not an account's"
    return None


def _not_many(version: str, document: Mapping[str, object], kind: str) -> str | None:
    """The second API has no object for its lists."""
    members = document.get("data")
    is_list = version == "v2" or (document.get("object") == "list" and isinstance(document.get("has_more"), bool))
    if not is_list or not isinstance(members, list):
        return "it is not a list"
    if not all(isinstance(member, Mapping) and member.get("object") == kind for member in members):
        return f"its objects are not {kind}"
    return None
