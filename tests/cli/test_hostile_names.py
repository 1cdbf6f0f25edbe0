"""Names from the database are shown, in any script, and never obeyed."""

import pytest
from support.environment import wire_environment
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection

from billing_cli.cli.app import run

DAY = f"{YESTERDAY:%Y-%m-%d}"
SCRIPTS = [
    "日本電気工業",
    "שלום",
    "شركة النور",
    "می\u200cخواهم",
    "👩‍👩‍👧 co",
    "1\ufe0f\u20e3",
    "Zoë e\u0301",
    "[red]x[/]",
    ":smile:",
    "100% {0} %s",
]
ORDERS = {
    "\x1b[2Jclear": "␛[2Jclear",
    "\x1b]0;title\x07": "␛]0;title",
    "\x9b31mred": "�31mred",
    "gnp\u202eexe": "gnp�exe",
    "del\x7f": "del␡",
    "co_\u200b1": "co_\\u200b1",
    "\ufeffco": "\\ufeffco",
    "a\u200d\u200cb": "a\\u200d\\u200cb",
}


@pytest.fixture
def names(sql: Connection, db_url: str, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of companies co_0, co_1 and so on, and of their meters: each has usage of yesterday that cannot be billed."""
    found = [*SCRIPTS, *ORDERS]
    stripe.bulk([], [{"event_name": "api_calls"}])
    for number, name in enumerate(found):
        sql.execute("insert into billing_companies (company_id, name) values (%s, %s)", (f"co_{number}", name))
        sql.execute(
            "insert into billing_usage_events (company_id, meter, quantity, occurred_at) values (%s, %s, 1, %s)",
            (f"co_{number}", name, f"{DAY}T10:00:00Z"),
        )
    for variable, value in wire_environment(db_url, stripe.url).items():
        monkeypatch.setenv(variable, value)
    return found


def test_a_name_gives_the_terminal_no_order(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(names):
        assert run(["timeline", f"co_{number}"]) == 0
        said = capsys.readouterr().out
        assert ORDERS.get(name, name) in said
        assert not set("\x1b\x07\x7f\x9b\u202e") & set(said)


def test_nor_does_it_in_an_error_or_a_plan(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(names):
        assert run(["timeline", f"{name} that is not here"]) == 2
        assert run(["export", "--start", DAY, "--end", DAY, "--company", f"co_{number}"]) == 0
        out, err = capsys.readouterr()
        assert ORDERS.get(name, name) in err
        assert ORDERS.get(name, name) in " ".join(out.split())
        assert not set("\x1b\x07\x7f\x9b\u202e") & set(out + err)
