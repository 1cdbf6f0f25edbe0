"""The .env file as it lies on the disk, and as git sees it."""

import subprocess
from pathlib import Path

import pytest

from billing_cli.adapters.env_file import look_at
from billing_cli.domain.errors import Misconfigured


def git(place: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=place, check=True, capture_output=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("# LIVE=true\nBILLING_ACTOR=ana\n")
    path.chmod(0o640)
    return path


def test_a_missing_file_is_no_trouble(tmp_path: Path) -> None:
    found = look_at(tmp_path / ".env")
    assert (found.exists, found.tracked, found.sets_live) == (False, False, False)


def test_mode_and_live_are_seen(file: Path) -> None:
    assert (look_at(file).mode, look_at(file).sets_live) == (0o640, False)
    file.write_text("export LIVE=false\n")
    assert look_at(file).sets_live


def test_git_has_it_only_once_it_was_added(file: Path) -> None:
    assert look_at(file).tracked is False
    git(file.parent, "init", "-q")
    assert look_at(file).tracked is False
    git(file.parent, "add", ".env")
    assert look_at(file).tracked is True


def test_without_git_nothing_is_claimed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(file.parent))
    assert look_at(file).tracked is None


def test_a_broken_repository_is_not_taken_for_none(file: Path) -> None:
    git(file.parent, "init", "-q")
    (file.parent / ".git" / "config").write_text("[core")
    assert look_at(file).tracked is None


def test_a_file_that_is_no_text_is_named(file: Path) -> None:
    file.write_bytes(b"\xff\xfe=1")
    with pytest.raises(Misconfigured, match=r"\.env cannot be read"):
        look_at(file)
