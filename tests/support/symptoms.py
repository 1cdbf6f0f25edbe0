"""For each section of the runbook, the world in the state that it describes; sections without an entry find it healthy."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.crash import KILLED, Step, run_billing
from support.desk import Desk
from support.environment import wire_environment

from billing_cli.adapters.audit_file import JsonLinesAuditFile
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.adapters.processes import _here, _started_at
from billing_cli.domain.webhook_signature import signed_header
from billing_cli.usecases.audit import send_log

DOCS = Path(__file__).parents[2] / "docs"
EVENTS = "/v1/billing/meter_events"
EXPORT = "LIVE=true billing --quiet export --period yesterday --confirm"
SECRET = "whsec_new"
Symptom = Callable[[Desk], None]


def exported(desk: Desk) -> None:
    assert desk.type(EXPORT)[0] == 0


def answers_lost(desk: Desk) -> None:
    """Each event's first answer, and nobody asks again."""
    desk.patch.setattr("billing_cli.adapters.stripe.exchange._FAILURES", 1)
    desk.stripe.fault(kind="lost_reply", endpoint=EVENTS, probability=1, count=18)


def killed(desk: Desk) -> None:
    """In the middle of a batch, with claims open."""
    environment = wire_environment(desk.db_url, desk.stripe.url)
    words = ["--quiet", "export", "--period", "yesterday", "--confirm"]
    assert run_billing(environment, words, Step("send", "after", 3)) == KILLED


def slept(desk: Desk) -> None:
    """Claims were left open, and their runner's lease ran out."""
    killed(desk)
    desk.sql.execute("update billing_export_runners set expires_at = now()")


def gateway(desk: Desk) -> None:
    desk.patch.setattr("billing_cli.adapters.stripe.reading._TRIES", 1)
    desk.stripe.fault(kind="gateway", lie="page", status=404)


def broken_function(desk: Desk) -> None:
    desk.sql.execute(
        "create or replace function billing_export_customers_v2(p_account text, p_livemode boolean, p_start timestamptz, "
        "p_end timestamptz, p_meters jsonb, p_company text default null, p_meter text default null, "
        "p_limit int default 10) returns jsonb language plpgsql as $$ begin raise exception 'out of order'; end $$"
    )


def skipped_rows(desk: Desk) -> None:
    desk.add_usage("co_0001", "no_such_meter", 5)


def stripe_away(desk: Desk) -> None:
    desk.patch.setattr("billing_cli.adapters.stripe.reading._TRIES", 1)
    desk.stripe.fault(kind="reset", endpoint="/", probability=1)


def no_key(desk: Desk) -> None:
    desk.patch.setenv("STRIPE_SECRET_KEY", "sk_test_...")


def held(desk: Desk) -> None:
    """By a process of this host that lives: the one that started this."""
    killed(desk)
    runner = f"{_here()}/{os.getppid()}/{_started_at(os.getppid())}"
    desk.sql.execute(
        "update billing_export_runners set runner = %s, expires_at = now() + interval '1 hour'",
        (runner,),
    )


def late(desk: Desk) -> None:
    """October's invoice is final, and usage of its last day comes now."""
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    desk.subscribe("co_0001", until=month)
    desk.stripe.finalize(desk.stripe.advance("sub_sandbox0001", int((month + timedelta(days=40)).timestamp())))
    desk.add_usage("co_0001", "api_calls", 5, at=month - timedelta(hours=2))


def unbilled(desk: Desk) -> None:
    desk.stripe.subscriptions([{"id": "sub_sandbox0001", "customer": "cus_sandbox0001", "items": []}])


def shrunk(desk: Desk) -> None:
    exported(desk)
    desk.sql.execute("update billing_usage_events set quantity = quantity - 1 where company_id = 'co_0001'")


def rekeyed(desk: Desk) -> None:
    """Another customer for a company after its usage was sent."""
    exported(desk)
    desk.sql.execute("update billing_companies set stripe_customer_id = 'cus_seed_9999' where company_id = 'co_0001'")


def renamed(desk: Desk) -> None:
    """A company that is merged into another one after its usage was sent."""
    exported(desk)
    desk.sql.execute("update billing_usage_events set company_id = 'co_0001' where company_id = 'co_0002'")
    desk.sql.execute("delete from billing_companies where company_id = 'co_0002'")


def meter_renamed(desk: Desk) -> None:
    """The rows of a meter get the name of another one."""
    exported(desk)
    desk.sql.execute("update billing_usage_events set meter = 'seats_minutes' where meter = 'storage_gb'")


def shifted(desk: Desk) -> None:
    """All rows were written with a wrong time zone, and are repaired."""
    exported(desk)
    desk.sql.execute("update billing_usage_events set occurred_at = occurred_at + interval '5 hours'")


def deleted(desk: Desk) -> None:
    """A company that is gone, with its rows."""
    exported(desk)
    desk.sql.execute("delete from billing_usage_events where company_id = 'co_0002'")
    desk.sql.execute("delete from billing_companies where company_id = 'co_0002'")


def other_account(desk: Desk) -> None:
    exported(desk)
    desk.sql.execute("update billing_export_batches set stripe_account_id = 'acct_other'")


def rejected(desk: Desk) -> None:
    desk.stripe.fault(kind="status", status=400, endpoint=EVENTS, probability=1, count=1)
    assert desk.type(EXPORT)[0] == 3


def ambiguous(desk: Desk) -> None:
    """Two events of one hour and value, one of which Stripe lacks, and nobody knows which."""
    exported(desk)
    desk.add_usage("co_0001", "api_calls", 7)
    exported(desk)
    desk.add_usage("co_0001", "api_calls", 7)
    exported(desk)
    desk.forget_newest()
    desk.age(25)
    desk.sql.execute("update billing_export_items set state = 'ambiguous' where quantity = 7")


def missing(desk: Desk) -> None:
    exported(desk)
    desk.forget_newest()
    desk.age(25)
    assert desk.type("LIVE=true billing batches verify BATCH --confirm")[0] == 3


def less(desk: Desk) -> None:
    exported(desk)
    desk.forget_newest()
    desk.age(2)


def closing_window(desk: Desk) -> None:
    killed(desk)
    desk.sql.execute(
        "update billing_export_items set first_sent_at = now() - interval '20 hours' where state = 'sending'"
    )


def database_away(desk: Desk) -> None:
    desk.patch.setenv("SUPABASE_DB_URL", "postgresql://billing:secret@127.0.0.1:1/billing")


def read_only(desk: Desk) -> None:
    desk.add_usage("co_0001", "api_calls", 7)
    desk.sql.execute(f"alter database {desk.sql.info.dbname} set default_transaction_read_only = on")


def wrong_clock(desk: Desk) -> None:
    desk.stripe.clock(600)


def refunded(desk: Desk) -> None:
    line = "LIVE=true billing refund COMPANY pi_123 --amount 12.50 --reason requested_by_customer --confirm"
    assert desk.type(line)[0] == 0


def incident(desk: Desk) -> None:
    (desk.directory / "incident.csv").write_text(
        "payment,reason,amount,note\npi_seed_0001_1,requested_by_customer,12.50,outage of 3 November\n"
        "pi_seed_0001_2,duplicate,,\n"
    )


def open_intent(desk: Desk) -> None:
    environment = wire_environment(desk.db_url, desk.stripe.url)
    words = ["refund", "co_0001", "pi_seed_0001_1", "--amount", "12.50", "--reason", "duplicate", "--confirm"]
    assert run_billing(environment, words, Step("move", "after")) == KILLED


def failed_refund(desk: Desk) -> None:
    refunded(desk)
    (refund,) = desk.stripe.refunds()
    desk.stripe.refund_status(refund["id"], "failed")


def waiting_refund(desk: Desk) -> None:
    refunded(desk)
    (refund,) = desk.stripe.refunds()
    desk.stripe.refund_status(refund["id"], "pending", "insufficient_funds")


def two_people(desk: Desk) -> None:
    signers = ""
    (desk.directory / ".ssh").mkdir(mode=0o700)
    for name, file in (("ana", "id_ed25519"), ("bob", "approver")):
        key = desk.directory / ".ssh" / file
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
        signers += f"{name} {key.with_suffix('.pub').read_text()}"
    (desk.directory / "allowed_signers").write_text(signers)
    (desk.directory / "allowed_signers").chmod(0o644)
    desk.elsewhere = "approvals approve", "~/.ssh/id_ed25519", "~/.ssh/approver"
    desk.configure('[limits]\nallowed_signers = "allowed_signers"\n[limits.refund]\napprove_above = { usd = "5.00" }\n')


def marked_paid(desk: Desk) -> None:
    assert desk.type('LIVE=true billing invoices mark-paid COMPANY in_123 --reason "Wire" --confirm')[0] == 0


def draft(desk: Desk) -> None:
    desk.names |= {"COMPANY": "co_0005", "in_123": "in_seed_0005_3"}


def accounts(desk: Desk) -> None:
    desk.configure(
        '[gl]\nclearing = "1050"\nsuspense = "9999"\n[gl.names]\n"1050" = "Assets:Stripe"\n"9999" = "Equity:Suspense"\n'
    )


def lost_payment(desk: Desk) -> None:
    """In the middle of last month; and a batch, whose totals one may look at."""
    exported(desk)
    middle = (datetime.now(UTC).replace(day=1) - timedelta(days=15)).timestamp()
    desk.stripe.payments(
        [{"id": "pi_lost", "customer": "cus_sandbox0001", "amount": 900, "currency": "usd", "created": int(middle)}]
    )


def captured(desk: Desk) -> None:
    _capture(desk, SECRET)
    desk.patch.setenv("STRIPE_WEBHOOK_SECRET", f"{SECRET},whsec_old")


def captured_changed(desk: Desk) -> None:
    captured(desk)
    path = desk.directory / "request.http"
    path.write_text(path.read_text().replace("invoice.paid", "invoice.void"))


def _capture(desk: Desk, secret: str) -> None:
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.paid",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": "in_1", "object": "invoice"}},
    }
    body = json.dumps(event)
    header = signed_header(body.encode(), secret, int(time.time()))
    (desk.directory / "request.http").write_text(
        f"POST /hooks/stripe HTTP/1.1\nContent-Type: application/json\nStripe-Signature: {header}\n\n{body}"
    )


def endpoint_down(desk: Desk) -> None:
    about = {"id": "in_seed_0001_1", "object": "invoice", "customer": "cus_sandbox0001"}
    desk.stripe.stripe_events([{"type": "invoice.paid", "created": int(time.time()) - 7200, "object": about}])
    desk.configure(f'[webhooks]\nreplay_to = ["{desk.endpoint_url}"]\n')


def kept_log(desk: Desk) -> None:
    """The log is kept outside of the database too."""
    desk.patch.setenv("BILLING_AUDIT_FILE", str(desk.directory / "audit.jsonl"))


def changed_log(desk: Desk) -> None:
    exported(desk)
    database = PostgresDatabase(desk.db_url)
    send_log(database, JsonLinesAuditFile(desk.directory / "audit.jsonl"))
    database.close()
    desk.sql.execute("alter table billing_audit_log disable trigger all")
    desk.sql.execute("update billing_audit_log set actor = 'nobody' where audit_id = 2")


def exported_and_refunded(desk: Desk) -> None:
    exported(desk)
    refunded(desk)


def not_migrated(desk: Desk) -> None:
    desk.sql.execute("delete from billing_schema_migrations where name = 'functions/timeline.sql'")


def wrong_type(desk: Desk) -> None:
    desk.sql.execute("alter table billing_usage_events alter column quantity type double precision")


def restored(desk: Desk) -> None:
    """To the moment before the export: what it wrote is gone, and Stripe still has the usage."""
    kept_log(desk)
    exported(desk)
    desk.sql.execute("alter table billing_audit_log disable trigger all")
    for table in ("billing_export_items", "billing_export_batches", "billing_audit_log"):
        desk.sql.execute(f"delete from {table}")
    desk.sql.execute("alter table billing_audit_log enable trigger all")


def supabase_folder(desk: Desk) -> None:
    Path(desk.directory / "supabase" / "migrations").mkdir(parents=True)


def usage_of_the_last_hour(desk: Desk) -> None:
    desk.add_usage("co_0001", "api_calls", 5, at=datetime.now(UTC).replace(minute=0) - timedelta(minutes=30))


def nothing(desk: Desk) -> None:
    """All is well."""


SYMPTOMS: dict[str, Symptom] = {
    "Something is wrong, and you do not know what": wrong_clock,
    "The nightly export exited 1": broken_function,
    "The nightly export exited 3": skipped_rows,
    "The nightly export exited 5": answers_lost,
    "The nightly export exited 75": stripe_away,
    "The nightly export exited 78": no_key,
    "An export was interrupted or killed": killed,
    "Another run holds the batch": held,
    "A machine slept in the middle of a run": slept,
    "An export is too slow, or too fast": killed,
    "Rows were skipped": skipped_rows,
    "Usage came after its invoice": late,
    "Stripe counts usage and bills nobody for it": unbilled,
    "A total shrank": shrunk,
    "Usage is counted at the wrong customer": rekeyed,
    "A company was renamed, merged or split": renamed,
    "A meter was renamed or made anew": meter_renamed,
    "A time zone was repaired": shifted,
    "A company was deleted": deleted,
    "An export was wrong: take it back": exported,
    "An export went to the wrong account or mode": other_account,
    "Stripe rejected events": rejected,
    "Items are ambiguous": ambiguous,
    "Items are missing": missing,
    "A window is about to close": closing_window,
    "Stripe counts less or more than we sent": less,
    "Stripe cannot be reached": stripe_away,
    "A gateway answers in Stripe's place": gateway,
    "The database cannot be reached": database_away,
    "The database is read-only, or its disk is full": read_only,
    "A clock is wrong": wrong_clock,
    "A refund or a credit was wrong": refunded,
    "Refund an incident": incident,
    "A refund or adjustment was interrupted": open_intent,
    "A customer was refunded twice by two tools": refunded,
    "A refund failed days later": failed_refund,
    "A refund waits": waiting_refund,
    "An invoice was marked paid by mistake": marked_paid,
    "A second person has to approve": two_people,
    "An invoice cannot be downloaded": draft,
    "Month end": accounts,
    "Ours and Stripe's differ": lost_payment,
    "Rotate the webhook secret": captured,
    "The webhook endpoint was down": endpoint_down,
    "Webhook signatures are invalid all of a sudden": captured_changed,
    "Who did this?": exported_and_refunded,
    "The audit log was changed": changed_log,
    "The database is not migrated": not_migrated,
    "A column has another type": wrong_type,
    "The database was restored from a backup": restored,
    "Deploying to Supabase": supabase_folder,
    "First live run": usage_of_the_last_hour,
}


def sample_of_webhooks(desk: Desk) -> None:
    endpoint_down(desk)
    assert desk.type("LIVE=true billing webhooks fetch --since 4h --confirm")[0] == 0
    shutil.copytree(DOCS, desk.directory / "docs")


SYMPTOMS_OF_DOCS: dict[str, Symptom] = {
    "approvals.md": two_people,
    "journal.md": accounts,
    "reconcile.md": exported,
    "webhooks.md": sample_of_webhooks,
}
