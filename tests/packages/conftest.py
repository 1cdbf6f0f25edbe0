"""What is handed out: the sdist, the wheel built from it, and an environment that has the wheel in it."""

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Installed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From the sdist alone: what the sdist lacks, the wheel would lack too."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(["tar", "-xzf", sdist, "-C", place], check=True)
    (source,) = place.iterdir()
    return _built("wheel", source, place)


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Runs a command of an environment outside the checkout, with an empty home and no variables but those given.

    The wheel is really installed there. What it depends on is lent by the environment of the tests, whose own
    `billing_cli` is not: a path in a .pth file is searched, but the .pth files in it are not read. `make package`
    installs everything anew.
    """
    place = tmp_path_factory.mktemp("installed")
    environment, home, elsewhere = place / "env", place / "home", place / "elsewhere"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", wheel], check=True)
    home.mkdir()
    elsewhere.mkdir()

    def run(command: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / "bin" / command, *arguments],
            cwd=elsewhere,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def _built(target: str, source: Path, place: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(place)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (package,) = [path for path in place.iterdir() if path.suffix in (".gz", ".whl")]
    return package
