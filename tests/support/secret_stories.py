"""What is done with every command where secrets are known, and what there is to do it with."""

import base64
import json
import shlex
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from command_tree import leaves
from support.known_secrets import SIGNING
from support.secret_world import World
from support.stripe_control import StripeDouble
from support.usage import YESTERDAY, add_companies, add_usage

from billing_cli.domain.webhook_signature import signed_header

DAY = f"{YESTERDAY:%Y-%m-%d}"
DAYS = f"--start {DAY} --end {DAY}"
WEEK = f"--start {YESTERDAY - timedelta(days=9):%Y-%m-%d} --end {YESTERDAY - timedelta(days=3):%Y-%m-%d}"
MONTH = f"{datetime.now(UTC):%Y-%m}"


@dataclass(frozen=True)
class Step:
    """What follows `billing`, with {places} that `PLACES` and the world fill, and its exit code.

    What only reads, and each dry run, is run for people and with --json; what writes, once. Over REST all is run once.
    """

    words: str
    code: int = 0

    @property
    def leaf(self) -> str:
        words = [word for word in shlex.split(self.words) if not word.startswith("-")]
        return next(leaf for leaf in (" ".join(words[:2]), words[0]) if leaf in LEAVES)


LEAVES = set(leaves())
PLACES = {
    "batch": "select batch_id from billing_export_batches order by opened_at desc limit 1",
    "intent": "select intent_id from billing_intents order by opened_at desc limit 1",
    "approval": "select approval_id from billing_approvals order by approved_at desc limit 1",
    "replay": "select replay_id from billing_webhook_replays order by opened_at desc limit 1",
}
STORIES = {
    "export": [
        Step(f"export {DAYS}"),
        Step(f"export {DAYS} --all --company co_1 --plan-out export.json"),
        Step(f"export {DAYS} --company co_1 --confirm"),
        Step("batches list"),
        Step("batches show {batch}"),
        Step("batches verify {batch}"),
        Step("batches verify {batch} --confirm"),
        Step("batches resume {batch}"),
        Step("batches rollback {batch}"),
        Step("batches rollback {batch} --confirm"),
        Step(f"export {DAYS} --company co_1 --resend-rolled-back --confirm"),
        Step(f"export {DAYS} --company co_2 --meter api_calls --backend stream --confirm"),
        Step(f"export {DAYS} --confirm --workers 2"),
        Step("timeline co_1"),
        Step("timeline co_1 --html story.html"),
        Step("audit list"),
        Step("audit verify --against {place}/audit.jsonl"),
    ],
    "money": [
        Step("refund co_1 pi_1 --amount 1 --reason duplicate --note late"),
        Step("refund co_1 pi_1 --amount 1 --reason duplicate --note late --confirm"),
        Step("refund --from-csv refunds.csv --result result.csv --confirm"),
        Step("refund co_1 pi_1 --status"),
        Step("refund co_1 pi_1 --amount 60 --reason duplicate --plan-out plan.json --sign-key {place}/ana"),
        Step("approvals approve plan.json --sign-key {place}/bob"),
        Step("approvals approve plan.json --sign-key {place}/bob --confirm"),
        Step("approvals list"),
        Step("apply plan.json"),
        Step("apply plan.json --confirm"),
        Step("refund co_1 pi_2 --amount 60 --reason duplicate --plan-out other.json --sign-key {place}/ana"),
        Step("approvals approve other.json --sign-key {place}/bob --confirm"),
        Step("approvals revoke {approval}"),
        Step("approvals revoke {approval} --confirm"),
        Step("adjust co_1 credit --amount 1 --currency usd --reason Outage"),
        Step("adjust co_1 credit --amount 1 --currency usd --reason Outage --confirm"),
        Step("intents list"),
        Step("intents show {intent}"),
        Step("intents resume {intent}"),
        Step("invoices list co_1"),
        Step("invoices mark-paid co_1 in_1 --reason wire"),
        Step("invoices mark-paid co_1 in_1 --reason wire --confirm"),
        Step("invoices mark-uncollectible co_1 in_2 --reason insolvent"),
        Step("invoices mark-uncollectible co_1 in_2 --reason insolvent --confirm"),
        Step("invoices void co_1 in_2 --reason mistake"),
        Step("invoices void co_1 in_2 --reason mistake --confirm"),
        Step("download-invoice co_1 in_2 -o bill.pdf"),
        Step(f"download-invoice --month {MONTH} -o bills"),
    ],
    "webhooks": [
        Step("verify-webhook body.json --header-file good"),
        Step("verify-webhook body.json --header-file bad", 3),
        Step("verify-webhook body.json --header-file good --store"),
        Step("verify-webhook body.json --header-file good --store --confirm"),
        Step("webhooks fetch --since 2h"),
        Step("webhooks fetch --since 2h --confirm"),
        Step("webhooks list"),
        Step("webhooks show evt_0001"),
        Step("webhooks gaps --since 2h", 3),
        Step("webhooks replay --event evt_0001 --to {hooks}"),
        Step("webhooks replay --event evt_0001 --to {hooks} --confirm"),
        Step("webhooks replay --resume {replay}"),
        Step("webhooks sign body.json"),
    ],
    "books": [
        Step(f"reconcile payments {WEEK} --out payments.html", 3),
        Step(f"reconcile payments {WEEK} --out payments.csv --save", 3),
        Step(f"reconcile payments {WEEK} --save --confirm", 3),
        Step(f"reconcile invoices {DAYS}"),
        Step(f"reconcile usage {DAYS}", 3),
        Step(f"reconcile payouts {WEEK}"),
        Step(f"journal {WEEK} -o journal.csv"),
        Step(f"journal {WEEK} --format hledger"),
        Step("plans list"),
        Step("plans check"),
        Step("doctor"),
        Step("doctor --offline"),
        Step("db status"),
        Step("db migrate"),
        Step("db migrate --print"),
        Step("db migrate --confirm"),
    ],
}
ON_ITS_OWN = {"sandbox up", "sandbox status", "sandbox seed", "sandbox fault", "sandbox down", "sandbox demo"}


def filled(words: str, lived_in: World) -> list[str]:
    """The words of a step; an id that is not there yet is one that nothing has."""
    places = {"place": str(lived_in.place), "hooks": lived_in.hooks.url}
    for name, query in PLACES.items():
        if f"{{{name}}}" in words:
            row = lived_in.sql.execute(query.encode()).fetchone()
            places[name] = str(row[0]) if row else f"no_{name}"
    return shlex.split(words.format(**places))


def fill(lived_in: World, stripe: StripeDouble) -> None:
    """Companies, usage, payments, invoices, events and signing keys; something for every command to do."""
    now_s = int(datetime.now(UTC).timestamp())
    meters = [{"event_name": "api_calls"}, {"event_name": "storage_gb"}]
    stripe.bulk(add_companies(lived_in.sql, 2), meters)
    stripe.prices([{"id": "price_starter"}])
    lived_in.environment.setenv("STRIPE_PRICE_STARTER", "price_starter")
    for number in (1, 2):
        add_usage(lived_in.sql, f"co_{number}", "api_calls", 5)
        add_usage(lived_in.sql, f"co_{number}", "storage_gb", "1.5", hour=3)
    add_usage(lived_in.sql, "co_1", "storage_gb", 2, hour=9)
    noon_s = int((YESTERDAY - timedelta(days=5)).timestamp()) + 43_200
    payments = [{"id": f"pi_{n}", "customer": "cus_1", "amount": 10_000, "currency": "usd"} for n in range(1, 4)]
    stripe.payments([{**payment, "created": noon_s} for payment in payments])
    line = {"amount": 5000, "description": "usage"}
    about = {"customer": "cus_1", "currency": "usd", "lines": [line], "status": "open", "created": now_s - 60}
    stripe.invoices([{"id": f"in_{n}", **about} for n in (1, 2)])
    invoice = {"id": "in_1", "object": "invoice", "customer": "cus_1"}
    event = {"id": "evt_0001", "type": "invoice.paid", "created": now_s - 3600}
    stripe.stripe_events([{**event, "object": invoice}])
    _write_files(lived_in, {**event, "object": "event", "livemode": False, "data": {"object": invoice}}, now_s)


def _write_files(lived_in: World, event: dict[str, object], now_s: int) -> None:
    work, body = Path.cwd(), json.dumps({**event, "id": "evt_0002"}).encode()
    (work / "body.json").write_bytes(body)
    (work / "good").write_text(signed_header(body, SIGNING, now_s))
    (work / "bad").write_text(signed_header(body, "whsec_another", now_s))
    (work / "refunds.csv").write_text("payment,reason,amount,note\npi_3,duplicate,2.00,twice\n")
    names = ("ana", "bob")
    for name in names:
        key = lived_in.place / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
        subprocess.run(command, check=True)
        lived_in.by_design.add(key)
        # Of the private half only what the public one does not have.
        lived_in.bodies[f"SSH key of {name}"] = _private_part(key)
    signers = "".join(f"{name} {(lived_in.place / f'{name}.pub').read_text()}" for name in names)
    (work / "signers").write_text(signers)
    (work / "signers").chmod(0o644)
    (work / "billing.toml").write_text(
        '[limits]\nallowed_signers = "signers"\n[limits.refund]\napprove_above = { usd = "50" }\n'
        f'[webhooks]\nreplay_to = ["{lived_in.hooks.url}"]\n'
        '[gl]\nclearing = "1050"\nfees = "6100"\ncharge = "4000"\nrefund = "4010"\nsuspense = "9999"\n'
    )


def _private_part(key: Path) -> str:
    """The base64 of what the file of an ed25519 key has and its .pub has not: the 32 bytes before the public ones."""
    encoded = "".join(key.read_text().splitlines()[1:-1])
    public = base64.b64decode(key.with_suffix(".pub").read_text().split()[1])[-32:]
    start = base64.b64decode(encoded).rindex(public) - 32
    return encoded[start * 4 // 3 + 2 : (start + 32) * 4 // 3 - 1]
