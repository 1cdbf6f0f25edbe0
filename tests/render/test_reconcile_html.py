"""The report as a page: nothing from outside is markup, and nothing is loaded."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.reconciliation import DayTotal, Finding, LeftOut, Report, Subject, Total, Verdict, Window
from billing_cli.render.reconcile_html import write_html

EVIL = '<script>alert("1")</script>'
WINDOW = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), timedelta(2), datetime.now(UTC))


def page(*verdicts: Verdict, key: str = "pi_1") -> str:
    totals = [Total(v, "captured", "usd", 1, 1, 1, Decimal(1250), Decimal(1000)) for v in verdicts]
    findings = [
        Finding(
            key, v, "captured", "usd", Decimal(1250), Decimal(1000), None, None, "succeeded", EVIL, EVIL, None, None
        )
        for v in verdicts
        if v is not Verdict.MATCHED
    ]
    days = [DayTotal(date(2026, 10, 3), 5, len(findings))]
    read, identity = len(totals), StripeIdentity("acct_1", False, False)
    left_out = [LeftOut("of other days, read only to find partners", "here", 1, "usd", Decimal(700))]
    report = Report(
        Subject.PAYMENTS, identity, WINDOW, EVIL, read, read + 1, totals, days, left_out, findings, len(findings)
    )
    return write_html(report, findings).decode()


def test_text_from_outside_is_never_markup() -> None:
    text = page(Verdict.AMOUNT, key=EVIL)
    assert EVIL not in text
    assert text.count("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;") == 4  # source, id, company, status


def test_it_needs_nothing_but_itself() -> None:
    text = page(Verdict.AMOUNT)
    assert not re.search(r"""(src|href)=|url\(|@import|https?://""", text)


def test_it_shows_every_total_day_and_difference() -> None:
    text = page(Verdict.AMOUNT, Verdict.MATCHED)
    for expected in ("12.50 USD", "2.50 USD", "another amount was taken", "2026-10-03: 5 fine, 1 different", "pi_1"):
        assert expected in text
    left_out = '<td class="">of other days, read only to find partners, on this side</td><td class="number" data-name="items">1</td>'
    assert f'{left_out}<td class="number"></td><td class="number" data-name="here">7.00 USD</td>' in text
    assert 'id="search"' not in page(Verdict.MATCHED)
    assert "Everything agrees" in page(Verdict.MATCHED)
