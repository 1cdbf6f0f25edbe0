"""How long a run bears with a database that is away."""

import pytest
from support.usage import Connection, add_usage
from tenacity import RetryCallState, Retrying

from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain.errors import Unavailable
from billing_cli.usecases import patience
from billing_cli.usecases.patience import Patience

from .conftest import Billing

CALL = RetryCallState(Retrying(), None, (), {})


def test_all_calls_of_a_run_share_one_span_until_the_database_answers() -> None:
    now_s, told = [100.0], list[int]()
    patience = Patience(told.append, lambda: now_s[0])
    assert not patience.is_over(CALL)
    now_s[0] += 29
    assert not patience.is_over(CALL)
    now_s[0] += 1
    # The call that waited, and then one that only begins to.
    assert patience.is_over(CALL) and patience.is_over(CALL)
    assert told == [30]
    patience.answered()
    assert not patience.is_over(CALL)
    assert told == [30, 30]


def test_a_run_that_loses_the_database_says_it_once_and_gives_up_once(
    export: Billing, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    call = PostgresDatabase.call

    def lost(self: PostgresDatabase, function: str, **args: object) -> object:
        if function in ("billing_batch_settle_v1", "billing_batch_finish_v1"):
            tries.append(function)
            raise Unavailable("The database cannot be reached.", "Try later.")
        return call(self, function, **args)

    monkeypatch.setattr(PostgresDatabase, "call", lost)
    monkeypatch.setattr(patience, "_PATIENCE_S", 0)
    add_usage(sql, "co_1", "api_calls", 5)
    answer = export()
    assert (answer.code, answer.stderr.count("The database does not answer.")) == (75, 1)
    assert tries == ["billing_batch_settle_v1", "billing_batch_finish_v1"]
