"""Nothing is written unless both gates are open: not to Stripe, not to the database."""

import pytest
from support.environment import rest_environment, wire_environment
from support.everything import everything
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_companies, add_usage

from billing_cli.cli.app import run

DAY = f"{YESTERDAY:%Y-%m-%d}"


@pytest.fixture(params=["wire", "rest"])
def environment(
    request: pytest.FixtureRequest, db_url: str, rest: PostgrestDouble, stripe: StripeDouble
) -> dict[str, str]:
    if request.param == "rest":
        return rest_environment(rest.url, rest.service_key, stripe.url, live=False)
    return wire_environment(db_url, stripe.url, live=False)


@pytest.mark.parametrize(
    ("confirm", "live", "code"), [(False, False, 0), (False, True, 0), (True, False, 4), (True, True, 0)]
)
def test_only_both_gates_together_let_anything_be_written(
    confirm: bool,
    live: bool,
    code: int,
    environment: dict[str, str],
    sql: Connection,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _usage(sql, stripe)
    _set(monkeypatch, environment, live)
    before = everything(sql)

    assert run(["export", "--start", DAY, "--end", DAY, *(["--confirm"] if confirm else [])]) == code

    writes = [entry for entry in stripe.log() if entry["method"] != "GET"]
    if confirm and live:
        assert len(writes) == len(stripe.events()) == 3
        assert everything(sql) != before
    else:
        assert writes == []
        assert stripe.events() == []
        assert everything(sql) == before


@pytest.mark.parametrize(
    ("confirm", "live", "code"), [(False, False, 0), (False, True, 0), (True, False, 4), (True, True, 0)]
)
def test_a_batch_is_taken_back_by_both_gates_only(
    confirm: bool,
    live: bool,
    code: int,
    environment: dict[str, str],
    sql: Connection,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _usage(sql, stripe)
    _set(monkeypatch, environment, live=True)
    assert run(["export", "--start", DAY, "--end", DAY, "--confirm"]) == 0
    monkeypatch.delenv("LIVE")
    _set(monkeypatch, environment, live)
    ((batch,),) = sql.execute("select batch_id from billing_export_batches").fetchall()
    before, requests = everything(sql), len(stripe.log())

    assert run(["batches", "rollback", batch, *(["--confirm"] if confirm else [])]) == code

    writes = [entry for entry in stripe.log()[requests:] if entry["method"] != "GET"]
    if confirm and live:
        assert (len(writes), stripe.events()) == (3, [])
        assert everything(sql) != before
    else:
        assert (writes, len(stripe.events())) == ([], 3)
        assert everything(sql) == before


def _usage(sql: Connection, stripe: StripeDouble) -> None:
    stripe.bulk(add_companies(sql, 3), [{"event_name": "api_calls"}])
    for number in (1, 2, 3):
        add_usage(sql, f"co_{number}", "api_calls", "1.5")


def _set(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], live: bool) -> None:
    for name, value in (environment | ({"LIVE": "true"} if live else {})).items():
        monkeypatch.setenv(name, value)
