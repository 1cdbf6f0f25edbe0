"""What is read whole is read up to a limit: a file or a stdin without end is refused in a sentence."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from billing_cli.cli import input_files, refund, verify_webhook
from billing_cli.cli.app import run

LIMIT = 1000


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_5ecretOfHooks")
    monkeypatch.setattr(verify_webhook, "MOST_WEBHOOK_BYTES", LIMIT)
    monkeypatch.setattr(refund, "MOST_CSV_BYTES", LIMIT)
    monkeypatch.setattr(input_files, "MIB", LIMIT)


class Endless:
    """Bytes without end; it fails where a reader wants them all."""

    asked = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        self.asked += size
        return b"x" * size


@pytest.mark.parametrize("words", [["verify-webhook", "-", "--signature", "t=1,v1=a"], ["webhooks", "sign", "-"]])
def test_a_stdin_without_end_is_refused(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = Endless()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stdin))
    assert run(words) == 2
    assert "billing: stdin is larger than 1 MiB." in capsys.readouterr().err
    assert stdin.asked == LIMIT + 1


@pytest.mark.parametrize(
    "words",
    [
        ["verify-webhook", "/dev/zero"],
        ["verify-webhook", "body", "--header-file", "/dev/zero"],
        ["webhooks", "sign", "/dev/zero"],
    ],
    ids=" ".join,
)
def test_a_file_without_end_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("body").write_text("{}")
    assert run(words) == 2
    assert "billing: /dev/zero is larger than 1 MiB." in capsys.readouterr().err


def test_a_body_up_to_the_limit_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    for size, code in ((LIMIT, 0), (LIMIT + 1, 2)):
        Path("body").write_bytes(b"x" * size)
        assert run(["webhooks", "sign", "body"]) == code
