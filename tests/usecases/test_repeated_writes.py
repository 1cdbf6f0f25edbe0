"""A gateway carries every call that opens or ends something out twice: the commands end as they do without it."""

from typing import Any

import pytest
from support.stripe_control import StripeDouble
from support.usage import Connection, add_usage

from billing_cli.adapters.database.postgres import PostgresDatabase

from .conftest import Billing
from .test_reconcile_save import SAVE, differing

__all__ = ["differing"]  # a fixture

REPEATED = ("_open_v1", "_open_v2", "_finish_v1", "_acquire_v2", "_save_v1")


@pytest.fixture
def _repeating_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    once = PostgresDatabase.call

    def twice(database: PostgresDatabase, function: str, **arguments: Any) -> Any:
        if function.endswith(REPEATED):
            once(database, function, **arguments)
        return once(database, function, **arguments)

    monkeypatch.setattr(PostgresDatabase, "call", twice)


@pytest.mark.usefixtures("_repeating_gateway")
def test_an_export_and_its_rollback_are_carried_out_once(
    export: Billing, billing: Billing, stripe: StripeDouble, sql: Connection
) -> None:
    add_usage(sql, "co_1", "api_calls", 5)
    batch = export().document["batches"][0]
    assert (batch["state"], len(stripe.events())) == ("done", 1)
    assert billing("batches", "rollback", batch["batch_id"], "--confirm").code == 0
    actions = [action for (action,) in sql.execute("select action from billing_audit_log").fetchall()]
    for action in ("export.opened", "export.finished", "rollback.opened", "rollback.finished"):
        assert actions.count(action) == 1, action


@pytest.mark.usefixtures("_repeating_gateway")
def test_a_comparison_is_kept_once_and_its_differences_are_new(differing: Billing, sql: Connection) -> None:
    assert differing(*SAVE).document["kept"]["appeared"] == 2
    assert sql.execute("select count(*), sum(appeared) from billing_reconciliations").fetchone() == (1, 2)
