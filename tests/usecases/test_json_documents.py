"""Every command that prints JSON is run here once with --json, against a database that lives in another time zone."""

import json
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from command_tree import leaves
from support import schemas
from support.endpoint import endpoint
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, Connection, add_usage

from billing_cli.cli.app import run
from billing_cli.domain.webhook_signature import signed_header
from billing_cli.sandbox.stripe_control import ask

from .conftest import DAY, Billing, signers
from .test_verify import age

# Prints for people what it does, whatever it is asked for.
WITHOUT_DOCUMENTS = {"sandbox demo"}
SECRET = "whsec_current"
WEEK = ["--start", f"{YESTERDAY - timedelta(days=6):%Y-%m-%d}", "--end", DAY]
TOML = """
[limits]
allowed_signers = "signers"
[limits.refund]
approve_above = {{ usd = "50.00" }}
[gl]
clearing = "1050"
fees = "6100"
charge = "4000"
refund = "4010"
payout = "1010"
[webhooks]
replay_to = ["{url}"]
"""


class Walk:
    """Commands as they are typed, and the documents that each of them printed."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing
        self.printed: dict[str, set[str]] = defaultdict(set)

    def __call__(self, *words: str, code: int = 0) -> dict[str, Any]:
        answer = self._billing(*words)
        assert answer.code == code, (words, answer)
        self.printed[next(name for name in leaves() if list(words[: name.count(" ") + 1]) == name.split())].add(
            answer.document["schema"]
        )
        return answer.document

    def both(self, *words: str) -> dict[str, Any]:
        """The plan, and then the result."""
        assert "gates" in self(*words)
        return self(*words, "--confirm")


@pytest.fixture
def walk(
    billing: Billing, sql: Connection, stripe: StripeDouble, db_url: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, Path],
) -> Walk:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signers").write_text(signers(keys, ana="ana", bob="bob"))
    (tmp_path / "signers").chmod(0o644)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("STRIPE_PRICE_STARTER", "price_starter")
    monkeypatch.setenv("BILLING_AUDIT_FILE", str(tmp_path / "audit.jsonl"))
    stripe.prices([{"id": "price_starter"}])
    sql.execute("update billing_companies set plan_id = 'starter'")
    sql.execute(f"alter database {psycopg.conninfo.conninfo_to_dict(db_url)['dbname']} set timezone to 'Asia/Tokyo'")
    return Walk(billing)


def test_every_command_prints_the_documents_that_are_said_of_it(
    walk: Walk, sql: Connection, stripe: StripeDouble, tmp_path: Path, keys: dict[str, Path]
) -> None:
    with endpoint() as hooks:
        (tmp_path / "billing.toml").write_text(TOML.format(url=hooks.url))
        exports(walk, sql, stripe)
        money(walk, stripe, keys)
        invoices(walk, stripe)
        webhooks(walk, stripe, hooks.url)
        reports(walk)
        sandbox(walk)
    walk("batches", "show", "exp_of_nobody", code=2)
    assert walk.printed.keys() == leaves().keys() - WITHOUT_DOCUMENTS
    said = {name: set(schema["x-printed-by"]) for name, schema in schemas.schemas().items()}
    for name, commands in said.items():
        by = {command for command, documents in walk.printed.items() if name in documents}
        assert by == commands or (name, commands) == ("billing.error/v1", {"every command"}), name
    files = {json.loads(line)["schema"] for path in tmp_path.glob("*.json*") for line in _documents(path)}
    assert files >= {name for name, commands in said.items() if not commands}


def _documents(path: Path) -> list[str]:
    """Of a file that the walk left: one document, or one a line; each is what its schema says."""
    text = path.read_text()
    found = text.splitlines() if path.suffix == ".jsonl" else [text]
    for document in found:
        schemas.check(json.loads(document))
    return found


def exports(walk: Walk, sql: Connection, stripe: StripeDouble) -> None:
    add_usage(sql, "co_1", "api_calls", "7.25")
    add_usage(sql, "co_2", "api_calls", "NaN")
    words = ["export", "--start", DAY, "--end", DAY]
    walk(*words, "--plan-out", "export.json")
    batch = walk("apply", "export.json", "--confirm", code=3)["batches"][0]["batch_id"]
    stripe.forget("7.25")
    age(sql)
    walk("batches", "verify", batch, "--plan-out", "verify.json", code=3)
    walk("apply", "verify.json", "--confirm", code=3)
    walk("batches", "show", batch)
    add_usage(sql, "co_3", "api_calls", "2", hour=3)
    stripe.fault(kind="status", status=401, endpoint="/v1/billing/meter_events")
    walk(*words, "--confirm", code=78)
    stripe.heal()
    opened = walk("batches", "list")["batches"][0]["batch_id"]
    walk("batches", "resume", opened, "--plan-out", "resume.json")
    walk("apply", "resume.json", "--confirm")
    walk("batches", "resume", opened, "--confirm")
    walk("batches", "verify", opened, "--confirm")
    walk("batches", "rollback", opened, "--plan-out", "rollback.json")
    walk("apply", "rollback.json")
    walk("batches", "rollback", opened, "--confirm")
    walk(*words, "--verify", "--confirm", code=3)


def money(walk: Walk, stripe: StripeDouble, keys: dict[str, Path]) -> None:
    noon_s = int((YESTERDAY - timedelta(days=5, hours=-12)).timestamp())
    shape = {"customer": "cus_1", "amount": 10_000, "currency": "usd", "created": noon_s}
    stripe.payments([{"id": f"pi_{number}", **shape} for number in range(3)])
    ask(stripe.url, "POST", "payouts", {"created": noon_s + 3 * 86_400})
    refund = ["refund", "co_1", "pi_1", "--amount", "60", "--reason", "duplicate", "--note", "twice"]
    walk(*refund, "--plan-out", "refund.json", "--sign-key", str(keys["ana"]))
    for _ in range(2):
        approval = walk.both("approvals", "approve", "refund.json", "--sign-key", str(keys["bob"]))["approvals"][0]
        if _ == 0:
            walk.both("approvals", "revoke", approval["approval_id"])
    walk("apply", "refund.json", "--confirm")
    walk("approvals", "list")
    walk("refund", "co_1", "pi_1", "--status", "--plan-out", "status.json")
    walk("apply", "status.json")
    adjust = ["adjust", "co_1", "credit", "--amount", "5", "--currency", "usd", "--reason", "Outage"]
    walk(*adjust, "--plan-out", "adjust.json")
    walk("apply", "adjust.json")
    walk(*adjust, "--confirm")
    stripe.fault(kind="status", status=401, endpoint="/v1/refunds", method="POST")
    walk("refund", "co_1", "pi_2", "--amount", "10", "--reason", "duplicate", "--confirm", code=78)
    stripe.heal()
    intent = walk("intents", "list")["intents"][0]["intent_id"]
    walk("intents", "show", intent)
    walk("intents", "resume", intent, "--plan-out", "intent.json")
    walk("apply", "intent.json")
    walk("intents", "resume", intent, "--confirm")


def invoices(walk: Walk, stripe: StripeDouble) -> None:
    line = {"amount": 5000, "description": "usage"}
    created = int(YESTERDAY.timestamp())
    shape = {"customer": "cus_1", "currency": "usd", "lines": [line], "created": created}
    stripe.bulk([{"id": "cus_stranger"}], [])
    stripe.invoices([{"id": "in_0", "status": "open", **shape}])
    stripe.invoices([{"id": "in_1", "status": "open", **shape, "customer": "cus_stranger"}])
    walk("invoices", "list")
    walk("download-invoice", "co_1", "in_0")
    walk("download-invoice", "--month", f"{YESTERDAY:%Y-%m}", "-o", "invoices", code=3)
    for number, change in enumerate(("mark-paid", "void", "mark-uncollectible")):
        stripe.invoices([{"id": f"in_{number}", "status": "open", **shape}])
        words = ["invoices", change, "co_1", f"in_{number}", "--reason", "wire"]
        walk(*words, "--plan-out", f"{change}.json")
        walk("apply", f"{change}.json")
        walk(*words, "--confirm")


def webhooks(walk: Walk, stripe: StripeDouble, url: str) -> None:
    now_s = int(time.time())
    about = {"id": "in_0", "object": "invoice", "customer": "cus_1"}
    event = {"id": "evt_1", "type": "invoice.paid", "created": now_s - 3600, "object": about}
    stripe.stripe_events([event, {**event, "id": "evt_2"}])
    body = {**event, "object": "event", "livemode": False, "api_version": None, "data": {"object": about}}
    path = Path("event.body")
    path.write_text(json.dumps(body))
    check = ["verify-webhook", str(path), "--signature", signed_header(path.read_bytes(), SECRET, now_s)]
    walk(*check)
    walk.both(*check, "--store")
    walk("webhooks", "sign", str(path))
    walk("webhooks", "gaps", "--since", "2h", code=3)
    walk("webhooks", "fetch", "--since", "2h", "--plan-out", "fetch.json")
    walk("apply", "fetch.json")
    walk("webhooks", "fetch", "--since", "2h", "--confirm")
    walk("webhooks", "list")
    walk.both("webhooks", "replay", "--since", "2h", "--to", url)
    walk("webhooks", "show", "evt_1")


def reports(walk: Walk) -> None:
    for subject, code in (("invoices", 0), ("usage", 3), ("payouts", 0), ("payments", 3)):
        walk("reconcile", subject, *WEEK, "--out", f"{subject}.json", code=code)
    walk("reconcile", "payments", *WEEK, "--save", code=3)
    walk("reconcile", "payments", *WEEK, "--save", "--confirm", code=3)
    walk("journal", *WEEK, "-o", "books.csv")
    walk("doctor", "--offline")
    walk("timeline", "co_1")
    walk("audit", "list")
    walk("audit", "verify")
    walk("plans", "list")
    walk("plans", "check")
    walk("db", "status")
    walk("db", "migrate")
    walk("db", "migrate", "--confirm")


def sandbox(walk: Walk) -> None:
    place = ["--directory", "sandbox"]
    walk("sandbox", "up", *place)
    try:
        walk("sandbox", "status", *place)
        walk("sandbox", "seed", *place, "--rows", "1000", "--companies", "10")
        walk("sandbox", "fault", "delay", *place, "--delay-s", "0")
    finally:
        run(["sandbox", "down", *place])
    walk("sandbox", "down", *place)
