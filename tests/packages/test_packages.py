"""The sdist has all that is needed to build and test, the wheel all that is needed to run, and neither has more."""

import re
import subprocess
import tarfile
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest

from billing_cli import __version__

from .conftest import ROOT, Installed

_CACHES = re.compile(r"__pycache__|\.pyc$|\.egg-info|_cache/|\.hypothesis")


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return HeaderParser().parsestr(archive.read(f"billing_cli-{__version__}.dist-info/METADATA").decode())


def files_of_the_project() -> set[str]:
    """As Git knows them; where there is no Git, as in an unpacked sdist, all that is no cache and was not made here."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
        return set(listed.stdout.splitlines())
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()}
    return {name for name in found if not _CACHES.search(name) and not name.startswith((".venv/", "PKG-INFO"))}


def test_the_sdist_is_the_project_and_nothing_else(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    project = files_of_the_project()
    assert {"Makefile", "constraints.txt", ".ci/run", ".env.example", "docs/stripe.md", "tests/conftest.py"} <= project
    assert project - names == set()
    assert not [name for name in names if _CACHES.search(name)]
    # A file that is being written, and is not in Git yet, may be there; another directory may not.
    assert {name.split("/")[0] for name in names} - {name.split("/")[0] for name in project} == {"PKG-INFO"}


def test_the_wheel_has_the_documents_that_messages_point_to(wheel_names: set[str]) -> None:
    share = f"billing_cli-{__version__}.data/data/share/doc/billing/"
    names = {name.removeprefix(share) for name in wheel_names if name.startswith(share)}
    project = files_of_the_project()
    documents = {name for name in project if name.startswith("docs/")} | {".env.example", "README.md", "RUNBOOK.md"}
    assert {"docs/security.md", "docs/operating/examples/billing-run", "docs/images/export.svg"} <= documents
    assert documents <= names
    assert not [name for name in names if _CACHES.search(name)]


def test_the_wheel_has_the_program_its_sql_its_schemas_its_types_and_its_licence(wheel_names: set[str]) -> None:
    info = f"billing_cli-{__version__}.dist-info"
    assert {"billing_cli/__main__.py", "billing_cli/py.typed", f"{info}/licenses/LICENSE"} <= wheel_names
    sql = {f"billing_cli/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    assert len(sql) > 30
    assert sql <= wheel_names
    schemas = {str(path.relative_to(ROOT)) for path in (ROOT / "billing_cli" / "schemas").glob("*.json")}
    assert len(schemas) > 30
    assert schemas <= wheel_names
    assert {name.split("/")[0] for name in wheel_names} == {"billing_cli", info, f"billing_cli-{__version__}.data"}
    kinds = {Path(name).suffix or Path(name).name for name in wheel_names if name.startswith("billing_cli/")}
    assert kinds == {".py", ".sql", ".json", ".typed"}


def test_the_metadata_says_what_it_is(metadata: Message) -> None:
    assert metadata["Name"] == "billing-cli"
    assert metadata["Summary"].startswith("Operate Stripe billing")
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert {"sandbox", "dev"} == set(metadata.get_all("Provides-Extra", []))


def test_the_version_stands_in_one_place(metadata: Message, installed: Installed) -> None:
    assert metadata["Version"] == __version__
    assert installed("billing", "--version").stdout == f"billing {__version__}\n"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == __version__
    examples = ROOT / "docs" / "operating" / "examples"
    for name in ("Dockerfile", "cronjob.yaml"):
        assert re.findall(r"/billing:([\w.]+)", (examples / name).read_text()) == [__version__]
    assert __version__ not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.ruff]")[0]


def test_the_installed_wheel_is_the_one_that_runs(installed: Installed) -> None:
    found = installed("python", "-P", "-c", "import billing_cli; print(billing_cli.__file__)")
    assert "/env/lib/" in found.stdout
    assert str(ROOT) not in found.stdout


def test_the_installed_wheel_migrates_a_database(installed: Installed, plain_db_url: str) -> None:
    before = installed("billing", "db", "status", SUPABASE_DB_URL=plain_db_url)
    assert before.returncode == 3, before.stderr
    migrated = installed("billing", "db", "migrate", "--confirm", SUPABASE_DB_URL=plain_db_url)
    assert migrated.returncode == 0, migrated.stderr
    after = installed("billing", "db", "status", SUPABASE_DB_URL=plain_db_url)
    assert after.returncode == 0, after.stdout + after.stderr


def test_the_installed_doctor_works_offline_in_an_empty_home(installed: Installed, plain_db_url: str) -> None:
    nothing = installed("billing", "doctor", "--offline")
    assert nothing.returncode == 3, nothing.stderr
    assert "STRIPE_SECRET_KEY" in nothing.stdout
    ready = installed(
        "billing",
        "doctor",
        "--offline",
        STRIPE_SECRET_KEY="sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        STRIPE_WEBHOOK_SECRET="whsec_4eC39HqLyjWDarjtT1zdp7dc",
        SUPABASE_DB_URL=plain_db_url,
    )
    assert ready.returncode == 0, ready.stdout + ready.stderr
