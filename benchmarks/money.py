"""Measures a file of refunds and a month of invoices beside sequential loops, in one run at 100 ms latency.

Run by `make bench`; prints Markdown. Server, database and contenders share this machine, so read
the ratios first.
"""

from pathlib import Path
from typing import Any

import httpx
import psycopg
import stripe
from measuring import KEY, Measure, billing, machine, measure, print_table, servers

from billing_cli.sandbox.stripe_control import ask

COUNT, SAMPLE = 1000, 30
LATENCY_S = 0.1
OCTOBER = 1_790_900_000  # 2026-10-01 and some hours


def main() -> None:
    print(f"\n{machine()}; {LATENCY_S * 1000:.0f} ms latency")
    with servers() as at:
        url = at.database("money")
        _prepare(url, at.stripe_url)
        ask(at.stripe_url, "POST", "faults", {"kind": "delay", "delay_s": LATENCY_S})
        _refunds(url, at.stripe_url, at.directory)
        _invoices(url, at.stripe_url, at.directory)


def _prepare(db_url: str, stripe_url: str) -> None:
    """One company; a payment and an invoice for every line and for every turn of the loops."""
    with psycopg.connect(db_url) as connection:
        connection.execute("insert into billing_companies values ('co_1', 'Company', 'cus_1', null)")
    ask(stripe_url, "POST", "bulk", {"customers": [{"id": "cus_1"}]})
    numbers = range(COUNT + SAMPLE)
    payments = [{"id": f"pi_{n}", "customer": "cus_1", "amount": 1000, "currency": "usd"} for n in numbers]
    ask(stripe_url, "POST", "payments", {"payments": payments})
    wish = {"customer": "cus_1", "status": "open", "currency": "usd", "created": OCTOBER}
    lines = [{"amount": 1000, "description": "usage"}]
    invoices = [{"id": f"in_{n}", "lines": lines, **wish} for n in range(COUNT)]
    ask(stripe_url, "POST", "invoices", {"invoices": invoices})


def _refunds(db_url: str, stripe_url: str, directory: Path) -> None:
    path = directory / "incident.csv"
    path.write_text("payment,reason,amount\n" + "".join(f"pi_{n},duplicate,5.00\n" for n in range(COUNT)))
    wall_s, cpu_s, _ = billing(db_url, stripe_url, ["refund", "--from-csv", str(path), "--confirm"])
    made = ask(stripe_url, "GET", "refunds")["refunds"]
    if len({refund["payment_intent"] for refund in made}) != COUNT or len(made) != COUNT:
        raise SystemExit(f"{len(made)} refunds were made instead of {COUNT}")
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_url})

    def one_after_another(count: int) -> None:
        for number in range(COUNT, COUNT + count):
            client.v1.refunds.create({"payment_intent": f"pi_{number}", "amount": 500, "reason": "duplicate"})

    mine = Measure("billing refund --from-csv (plan, read again, claim, send, settle)", COUNT, wall_s, cpu_s)
    loop = measure("stripe-python, one after another, unchecked", SAMPLE, one_after_another)
    print_table("refunds", "refunds", [mine, loop])


def _invoices(db_url: str, stripe_url: str, directory: Path) -> None:
    words = ["download-invoice", "--month", "2026-10", "-o", str(directory / "october")]
    first, again = (billing(db_url, stripe_url, words) for _ in range(2))
    found = len(list((directory / "october").glob("*.pdf")))
    if found != COUNT:
        raise SystemExit(f"{found} invoices are there instead of {COUNT}")
    client = stripe.StripeClient(KEY, base_addresses={"api": stripe_url})

    def one_after_another(count: int) -> None:
        with httpx.Client(follow_redirects=True) as http:
            for number in range(count):
                invoice: Any = client.v1.invoices.retrieve(f"in_{number}")
                http.get(invoice.invoice_pdf).raise_for_status()

    measures = [
        Measure("billing download-invoice --month (list, fetch, check, write)", COUNT, *first[:2]),
        Measure("the same again (nothing to fetch)", COUNT, *again[:2]),
        measure("one after another, unchecked", SAMPLE, one_after_another),
    ]
    print_table("invoices", "PDFs", measures)


if __name__ == "__main__":
    main()
