"""Every command works with exactly the permissions that docs/operating/stripe-keys.md lists, and needs each of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from command_tree import leaves
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from billing_cli.sandbox.stripe_control import ask

from .conftest import DAY, Billing

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "stripe-keys.md"
RESTRICTED_KEY = "rk_test_4eC39HqLyjWDarjtT1zdp7dc"
NOON_S = int((YESTERDAY - timedelta(days=5, hours=-12)).timestamp())
WEEK = ["--start", f"{YESTERDAY - timedelta(days=6):%Y-%m-%d}", "--end", DAY]
EXPORT = ["export", "--start", DAY, "--end", DAY, "--confirm"]
REFUND = ["refund", "co_1", "pi_1", "--amount", "1", "--reason", "duplicate", "--confirm"]
ADJUST = ["adjust", "co_1", "credit", "--amount", "1", "--currency", "usd", "--reason", "Outage", "--confirm"]
CONFIG = """
[gl]
clearing = "1050"
suspense = "9999"
[reconcile]
usage_lag_hours = 0
[meters.seats]
backend = "usage-records"
price = "price_seats"
"""


@dataclass(frozen=True)
class World:
    """Something of everything, arranged with a key that may do anything."""

    billing: Billing
    sql: Connection
    stripe: StripeDouble

    def verified(self) -> list[str]:
        """Of a batch that Stripe does not count all of, so that its reports are read too."""
        batch = self.exported()
        self.stripe.forget("3")
        return ["batches", "verify", batch]

    def exported(self) -> str:
        return str(self.billing(*EXPORT).document["batches"][0]["batch_id"])

    def seats(self) -> list[str]:
        add_usage(self.sql, "co_1", "seats", 2)
        return EXPORT

    def refunded(self) -> list[str]:
        assert self.billing(*REFUND).code == 0
        return ["refund", "co_1", "pi_1"]

    def paid_out(self, words: list[str]) -> list[str]:
        ask(self.stripe.url, "POST", "payouts", {"created": NOON_S + 3 * 86_400})
        return words


@pytest.fixture
def world(
    billing: Billing, sql: Connection, stripe: StripeDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "billing.toml").write_text(CONFIG)
    monkeypatch.setenv("STRIPE_PRICE_STARTER", "price_starter")
    add_usage(sql, "co_1", "api_calls", 3)
    line = {"amount": 5000, "description": "usage"}
    invoice = {"customer": "cus_1", "currency": "usd", "lines": [line]}
    paid = {"id": "pi_1", "customer": "cus_1", "amount": 10_000, "currency": "usd", "created": NOON_S}
    stripe.payments([paid, {**paid, "id": "pi_2"}])
    stripe.dispute("pi_1", "won")
    stripe.payments([{**paid, "id": "pi_open", "status": "requires_payment_method"}])
    stripe.invoices([{**invoice, "id": "in_open", "status": "open", "payment_intent": "pi_open"}])
    stripe.invoices([{**invoice, "id": "in_paid", "status": "paid", "payment_intent": "pi_1"}])
    stripe.prices([{"id": "price_starter"}])
    stripe.bulk([], [{"event_name": "calls", "id": "mtr_calls"}])
    noon_s = int((YESTERDAY + timedelta(hours=12)).timestamp())
    seats = {"id": "si_1", "price": "price_seats", "usage_type": "metered"}
    calls = {"id": "si_2", "price": "price_calls", "meter": "mtr_calls"}
    period = {"customer": "cus_1", "period_start": noon_s - 30 * 86_400}
    # One period goes on, one ended at noon and has left a draft.
    stripe.subscriptions([{"id": "sub_1", "items": [seats], **period, "period_end": noon_s + 2 * 86_400}])
    stripe.subscriptions([{"id": "sub_2", "items": [calls], **period, "period_end": noon_s}])
    stripe.advance("sub_2", noon_s + 30 * 86_400)
    sql.execute("insert into billing_payments (payment_intent_id, company_id) values ('pi_1', 'co_1')")
    return World(billing, sql, stripe)


# Each arranges what it needs and says what is typed.
COMMANDS: dict[str, Callable[[World], list[str]]] = {
    "export": lambda w: EXPORT,
    "export --backend stream": lambda w: [*EXPORT, "--backend", "stream"],
    "export, usage records": World.seats,
    "batches verify": World.verified,
    "batches rollback": lambda w: ["batches", "rollback", w.exported(), "--confirm"],
    "refund": lambda w: REFUND,
    "refund --via credit-note": lambda w: [*REFUND, "--via", "credit-note"],
    "refund --status": lambda w: [*w.refunded(), "--status"],
    "adjust --as balance": lambda w: [*ADJUST, "--as", "balance"],
    "adjust --as invoice-item": lambda w: [*ADJUST, "--as", "invoice-item"],
    "adjust --as credit-note": lambda w: [*ADJUST, "--invoice", "in_open"],
    "adjust --as credit-grant": lambda w: [*ADJUST, "--as", "credit-grant"],
    "invoices list": lambda w: ["invoices", "list"],
    "invoices mark-paid": lambda w: ["invoices", "mark-paid", "co_1", "in_open", "--reason", "wire", "--confirm"],
    "invoices void": lambda w: ["invoices", "void", "co_1", "in_open", "--reason", "mistake", "--confirm"],
    "invoices mark-uncollectible": lambda w: [
        *("invoices", "mark-uncollectible", "co_1", "in_open", "--reason", "insolvent", "--confirm"),
    ],
    "download-invoice": lambda w: ["download-invoice", "co_1", "in_open"],
    "download-invoice --month": lambda w: ["download-invoice", "--month", f"{YESTERDAY:%Y-%m}"],
    "reconcile payments": lambda w: ["reconcile", "payments", *WEEK],
    "reconcile payments --from-report": lambda w: ["reconcile", "payments", *WEEK, "--from-report"],
    "reconcile invoices": lambda w: ["reconcile", "invoices", *WEEK],
    "reconcile usage": lambda w: ["reconcile", "usage", "--start", DAY, "--end", DAY],
    "reconcile payouts": lambda w: w.paid_out(["reconcile", "payouts", *WEEK]),
    "journal": lambda w: ["journal", *WEEK],
    "webhooks fetch": lambda w: ["webhooks", "fetch", "--since", "2h", "--confirm"],
    "webhooks gaps": lambda w: ["webhooks", "gaps", "--since", "2h"],
    "plans check": lambda w: ["plans", "check"],
    "doctor": lambda w: ["doctor"],
}

# They never call Stripe.
WITHOUT_STRIPE = [
    ["batches", "list"],
    ["intents", "list"],
    ["webhooks", "list"],
    ["approvals", "list"],
    ["plans", "list"],
    ["audit", "list"],
    ["audit", "verify"],
    ["timeline", "co_1"],
    ["doctor", "--offline"],
]

# Below the table, the page says of these who needs what, and of those that they never call Stripe.
AS_OTHERS = {"apply", "approvals approve", "batches resume", "intents resume", "webhooks replay"}
NEVER = """
approvals list, approvals revoke, audit list, audit verify, batches list, batches show, db migrate, db status,
intents list, intents show, plans list, sandbox demo, sandbox down, sandbox fault, sandbox seed, sandbox status,
sandbox up, timeline, verify-webhook, webhooks list, webhooks show, webhooks sign
"""


def documented() -> dict[str, set[str]]:
    """What the page says: each command and its permissions."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Command by command\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)`[^|]* \| ([^|]+) \|$", section, re.MULTILINE)
    return {command: set(re.findall(r"`(\w+)`", permissions)) for command, permissions in rows}


def named_in_the_dashboard() -> set[str]:
    section = PAGE.read_text(encoding="utf-8").split("\n## Names\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_the_link_fills_in_what_the_exports_key_needs() -> None:
    jobs = ("export", "batches verify", "batches rollback", "plans check", "doctor")
    needed = set().union(*(documented()[command] for command in jobs))
    linked = re.findall(r"permissions\[\]=rak_(\w+)", PAGE.read_text(encoding="utf-8"))
    assert linked == sorted(needed)


def test_the_page_has_every_command_and_names_every_permission() -> None:
    assert documented().keys() == COMMANDS.keys()
    used = set().union(*documented().values())
    assert named_in_the_dashboard() == {re.sub("_(read|write)$", "", permission) for permission in used}


def test_every_command_is_in_the_table_or_known_to_need_nothing_of_its_own() -> None:
    tabled = {leaf for leaf in leaves() if any(re.match(rf"{leaf}\b(?!-)", name) for name in COMMANDS)}
    never = set(NEVER.replace("\n", " ").strip().split(", "))
    assert sorted([*tabled, *AS_OTHERS, *never]) == sorted(leaves())
    calling = {words for words, command in leaves().items() if "Stripe key" in command.needs}
    assert calling | {"doctor"} == tabled | AS_OTHERS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_works_with_what_is_documented_and_needs_all_of_it(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = COMMANDS[name](world)
    monkeypatch.setenv("STRIPE_SECRET_KEY", RESTRICTED_KEY)
    world.stripe.settings(restricted_to=sorted(documented()[name]))
    answer = world.billing(*words)
    asked = world.stripe.permissions_asked()
    # Who may write may read.
    needed = {one for one in asked if one.replace("_read", "_write") not in asked or one.endswith("_write")}
    assert needed == documented()[name]
    assert answer.code in (0, 3), answer.stderr
    assert "permission" not in answer.stderr
    if name == "doctor":
        assert not [one for one in answer.document["findings"] if "permission" in one["says"]]


@pytest.mark.parametrize("name", ["export", "refund", "reconcile payouts"])
def test_a_missing_permission_is_named_with_the_page_and_without_the_key(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = COMMANDS[name](world)
    monkeypatch.setenv("STRIPE_SECRET_KEY", RESTRICTED_KEY)
    for missing in sorted(documented()[name]):
        # Who may not write may read still.
        rest = documented()[name] | {missing.replace("_write", "_read")}
        world.stripe.settings(restricted_to=sorted(rest - {missing}))
        answer = world.billing(*words)
        assert answer.code == 78, missing
        assert f"lacks the permission {missing}" in answer.stderr
        assert "docs/operating/stripe-keys.md" in answer.stderr
        assert RESTRICTED_KEY[:8] not in answer.stderr
        assert RESTRICTED_KEY[-4:] not in answer.stderr
    assert world.stripe.events() == []
    assert world.stripe.refunds() == []


def test_other_commands_ask_stripe_for_nothing(world: World) -> None:
    before = len(world.stripe.log())
    for words in WITHOUT_STRIPE:
        assert world.billing(*words).code in (0, 3), words
    assert len(world.stripe.log()) == before
