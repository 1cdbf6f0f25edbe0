"""Every command that README, RUNBOOK and docs quote is carried out here, and does what they say."""

import ast
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.desk import Desk
from support.endpoint import endpoint
from support.environment import wire_environment
from support.quoted import Config, Quoted, masked, quotes, sections
from support.stripe_control import StripeDouble
from support.symptoms import SECRET, SYMPTOMS, SYMPTOMS_OF_DOCS, nothing
from support.usage import YESTERDAY, Connection

from billing_cli.sandbox import lifecycle
from billing_cli.sandbox.seed import seed

ROOT = Path(__file__).parents[2]
README, RUNBOOK = sections(ROOT / "README.md"), sections(ROOT / "RUNBOOK.md")
# The examples of the help, in commands.md, are of no one situation.
DOCS = [
    path
    for path in sorted(ROOT.glob("docs/*.md"))
    if path.name not in ("commands.md", "sandbox.md")
    and re.search("^(LIVE=true )?billing ", path.read_text(), re.MULTILINE)
]
# Chapters that point to others and have nothing of their own to do.
POINTERS = {"Find your section"}
# What a document's words stand for; the rest is in support.desk.
NAMES = {
    "COMPANY": "co_0001",
    "pi_123": "pi_seed_0001_1",
    "pi_456": "pi_seed_0001_2",
    "in_123": "in_seed_0001_2",
}
# Named in a sentence without what they need; the sentence is about the command, and not for copying.
NAMED_ONLY = {
    "billing adjust",
    "billing adjust COMPANY charge",
    "billing adjust COMPANY credit",
    "billing adjust COMPANY credit --as balance",
    "billing reconcile",
    "billing reconcile usage",
    "billing sandbox seed --csv FILE",
    "billing webhooks gaps",
}
# Not carried out, and why.
NOT_HERE = {
    "billing sandbox demo",  # tests/sandbox does
}
# The same with fewer rows; what is shown is compared without its figures.
SMALLER = {"billing sandbox seed": "billing sandbox seed --rows 1000 --companies 20"}
# Postgres' words and the system's.
FROM_ELSEWHERE = {"No space left on device"}


@pytest.fixture
def desk(
    tmp_path: Path, db_url: str, sql: Connection, stripe: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """A small healthy world: ten companies, usage of three of them, payments, invoices, prices."""
    seed(db_url, stripe.url, rows=100, companies=10, days=1)
    sql.execute("delete from billing_usage_events")
    sql.execute(
        "insert into billing_usage_events (company_id, meter, quantity, occurred_at) "
        "select 'co_000' || c, m, c * 10 + h, %s + make_interval(hours => h, mins => 5) "
        "from generate_series(1, 3) c, unnest(array['api_calls', 'storage_gb']) m, generate_series(0, 2) h",
        (YESTERDAY,),
    )
    plans = {"STARTER": 2900, "BUSINESS": 9900, "ENTERPRISE": 49900}
    stripe.prices([{"id": f"price_{name}", "unit_amount": amount} for name, amount in plans.items()])
    environment = wire_environment(db_url, stripe.url, live=False)
    environment |= {f"STRIPE_PRICE_{name}": f"price_{name}" for name in plans}
    environment |= {"STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_WEBHOOK_SECRET": SECRET, "BILLING_ACTOR": "ana"}
    for name, value in {**environment, "HOME": str(tmp_path), "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with endpoint() as listening:
        names = {**NAMES, "https://app.example.net/hooks/stripe": listening.url}
        yield Desk(tmp_path, sql, stripe, db_url, monkeypatch, listening.url, names)


@pytest.mark.parametrize("heading", [heading for heading in RUNBOOK if heading not in POINTERS])
def test_the_runbook_is_right(heading: str, desk: Desk) -> None:
    SYMPTOMS.get(heading, nothing)(desk)
    follow(desk, quotes(RUNBOOK[heading]), found=True)


def test_the_tour_of_the_readme_and_the_sandboxs_own_chapter_are_right(desk: Desk) -> None:
    with without_settings(desk):
        try:
            follow(desk, quotes(README["A five-minute tour"]))
            follow(desk, in_blocks(ROOT / "docs" / "sandbox.md"))
        finally:
            lifecycle.remove(desk.directory / ".sandbox")


def test_the_figures_of_the_tour_are_those_of_its_seed(desk: Desk) -> None:
    """All 100,000 rows, planned and not sent."""
    tour = README["A five-minute tour"]
    sentence = re.search(
        r"^[\d,]+ usage rows = ([\d,]+) to send in ([\d,]+) meter events .* ([\d,]+) skipped$", tour, re.MULTILINE
    )
    assert sentence
    _, events, skipped = sentence.groups()
    assert f"{events} of {events} accepted" in tour
    assert f"{skipped} usage rows were skipped" in tour
    desk.sql.execute("truncate billing_usage_events, billing_companies")
    desk.stripe.reset()
    seed(desk.db_url, desk.stripe.url)
    assert sentence[0] in desk.type("billing export --period yesterday")[1]


def test_a_database_of_ones_own_is_set_up_as_the_readme_says(desk: Desk, plain_db_url: str) -> None:
    settings = {name: os.environ[name] for name in _settings()} | {"SUPABASE_DB_URL": plain_db_url}
    shutil.copy(ROOT / ".env.example", desk.directory)
    copy, *rest = quotes(README["Your own database"])
    with without_settings(desk):
        follow(desk, [copy])
        filled = "".join(f"{name}={value}\n" for name, value in settings.items())
        (desk.directory / ".env").write_text(filled)
        follow(desk, rest)


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_a_chapter_of_the_docs_is_right(document: Path, desk: Desk) -> None:
    SYMPTOMS_OF_DOCS.get(document.name, nothing)(desk)
    follow(desk, in_blocks(document))


def follow(desk: Desk, steps: Iterable[Quoted | Config], found: bool = False) -> None:
    """`found`: what lists rows has some to show, or says so."""
    for step in steps:
        if isinstance(step, Config):
            desk.configure(step.text)
        elif step.line not in NAMED_ONLY and step.line not in NOT_HERE:
            code, text = desk.type(SMALLER.get(step.line, step.line))
            if step.in_sentence and not step.code:
                assert code not in (1, 2, 78), f"{step.line}: exits {code}\n{text}"
            else:
                assert code == step.code, f"{step.line}: exits {code}, not {step.code}\n{text}"
            assert masked(step.shown) in masked(text), f"{step.line} shows:\n{text}"
            assert not found or "No rows." not in text or "No rows." in step.shown, f"{step.line} finds nothing"


def in_blocks(document: Path) -> list[Quoted | Config]:
    """Without what sentences name, and without settings: a chapter shows several, and one does not follow the other."""
    found = quotes(document.read_text(encoding="utf-8"))
    return [step for step in found if isinstance(step, Quoted) and not step.in_sentence]


@contextmanager
def without_settings(desk: Desk) -> Iterator[None]:
    """But for the path, the home and the width of the terminal."""
    with desk.patch.context() as patch:
        for name in _settings():
            patch.delenv(name)
        yield


def _settings() -> list[str]:
    return [name for name in os.environ if name.startswith(("STRIPE_", "SUPABASE_", "BILLING_"))]


def test_every_section_of_the_runbook_says_what_to_do_and_how_to_undo_it() -> None:
    for heading, text in RUNBOOK.items():
        if heading not in POINTERS:
            assert any(isinstance(step, Quoted) and not step.in_sentence for step in quotes(text)), heading
            assert "\nUndo: " in text, heading
    assert set(SYMPTOMS) <= set(RUNBOOK)


def test_every_exit_code_that_is_documented_comes_up_in_the_runbook() -> None:
    documented = re.findall(
        r"^\| (\d+) \|", (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    quoted = {step.code for text in RUNBOOK.values() for step in quotes(text) if isinstance(step, Quoted)}
    assert {int(code) for code in documented} == quoted


def test_every_message_in_the_runbooks_index_is_the_programs() -> None:
    said = " ".join(_texts_of_the_program())
    rows = re.findall(r"^\| (`.+`)[^|]* \| ", RUNBOOK["Find your section"], re.MULTILINE)
    quoted = [part for row in rows for message in re.findall("`([^`]+)`", row) for part in re.split("…|[()]", message)]
    assert len(quoted) > 30
    assert [part for part in quoted if part.strip() and part.strip() not in said and part not in FROM_ELSEWHERE] == []


def _texts_of_the_program() -> Iterator[str]:
    yield from (path.read_text(encoding="utf-8") for path in (ROOT / "sql").rglob("*.sql"))
    for path in (ROOT / "billing_cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
