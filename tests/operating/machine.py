"""The places that the examples name, somewhere else: a machine on which they can be run as they are written."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .conftest import EXAMPLES, ROOT, TOO_LONG_S, Environment

# What the examples name, and what stands for it below a directory of the test.
PLACES = {
    "/opt/billing/bin": "opt/billing/bin",
    "/usr/local/bin": "usr/local/bin",
    "/etc/billing": "etc/billing",
    "/var/log/billing": "var/log/billing",
}


@dataclass(frozen=True)
class Machine:
    root: Path

    @classmethod
    def installed(cls, root: Path, environment: Environment) -> "Machine":
        """With the command, the scripts, and a .env of what `environment` has, but for the gate."""
        machine = cls(root)
        for place in PLACES.values():
            (root / place).mkdir(parents=True)
        command = f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m billing_cli "$@"\n'
        _write_command(root / "opt/billing/bin/billing", command)
        for name in ("billing-run", "billing-alert"):
            shutil.copy(EXAMPLES / name, root / "usr/local/bin" / name)
        settings = {name: value for name, value in environment.items() if name.startswith(("STRIPE_", "SUPABASE_"))}
        for name in (".env", "billing.env"):
            file = root / "etc/billing" / name
            file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
            file.chmod(0o600)
        # A pager that can be read afterwards.
        _write_command(root / "usr/local/bin/page", f'#!/bin/sh\ncat >> "{root}/paged"\n')
        return machine

    def relocated(self, text: str) -> str:
        for place, here in PLACES.items():
            text = text.replace(place, str(self.root / here))
        return text

    def shell(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """To its end, in a minute at most."""
        running = self.started(command, **variables)
        try:
            out, err = running.communicate(timeout=TOO_LONG_S)
        finally:
            running.kill()
        return subprocess.CompletedProcess(command, running.returncode, out, err)

    def started(self, command: str, **variables: str) -> subprocess.Popen[str]:
        """As cron runs it: by /bin/sh, with next to nothing in the environment."""
        return subprocess.Popen(
            ["/bin/sh", "-c", command],
            env={"HOME": str(self.root), "LOGNAME": "billing", "BILLING_PAGER": "page", **variables},
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def path(self) -> str:
        return self.relocated("/opt/billing/bin:/usr/local/bin:/usr/bin:/bin")

    @property
    def paged(self) -> str:
        file = self.root / "paged"
        return file.read_text() if file.exists() else ""


def _write_command(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
