"""Signatures by SSH keys, made and checked by ssh-keygen itself."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from billing_cli.domain.approval import Signer
from billing_cli.domain.errors import Misconfigured, Refused

_TIMEOUT_S = 120  # a person may have to type a passphrase or touch a key
_WRITABLE_BY_OTHERS = 0o022
_PRINCIPAL = re.compile(r"[A-Za-z0-9][\w.@+-]*", re.ASCII)
_FINGERPRINT = re.compile(r"\bSHA256:[A-Za-z0-9+/]{43}")


class SshSignatures:
    """`allowed_signers` is in the format of ssh-keygen(1): a name and a public key a line."""

    def __init__(self, allowed_signers: Path | None) -> None:
        self._allowed_signers = allowed_signers

    def sign(self, text: bytes, namespace: str, key: Path) -> str:
        """The armoured signature. Raises Refused where the key cannot sign."""
        if not key.is_file():
            raise Refused(f"There is no key {key}.", "Name your SSH key, or its .pub half if an agent holds it.")
        # The message comes from stdin; ssh-keygen asks for a passphrase on the terminal itself.
        done = _run(["-Y", "sign", "-q", "-n", namespace, "-f", str(key.absolute())], text)
        if done.returncode:
            raise Refused(f"The key {key} could not sign: {_last_line(done.stderr)}", "Check the key and your agent.")
        return done.stdout.decode()

    def verify(self, text: bytes, namespace: str, signature: str) -> Signer:
        """Who signed it. Raises Refused for anybody unknown, another text or another namespace."""
        allowed = self._allowed()
        with tempfile.TemporaryDirectory(prefix="billing-signature-") as place:
            file = Path(place) / "signature"
            file.write_text(signature, encoding="utf-8")
            found = _run(["-Y", "find-principals", "-s", str(file), "-f", str(allowed)], b"")
            for name in found.stdout.decode(errors="replace").splitlines():
                if not _PRINCIPAL.fullmatch(name):
                    continue
                options = ["-Y", "verify", "-f", str(allowed), "-I", name, "-n", namespace, "-s", str(file)]
                verified = _run(options, text)
                fingerprint = _FINGERPRINT.search(verified.stdout.decode(errors="replace"))
                if verified.returncode == 0 and fingerprint:
                    return Signer(name, fingerprint[0])
        raise Refused(
            f"A signature is not valid: it is of another text, or by nobody in {allowed}.",
            "Sign again, or add the person's public key there.",
        )

    def _allowed(self) -> Path:
        path = self._allowed_signers
        if path is None or not path.is_file():
            where = f"There is no file {path}" if path else "Nobody may sign or approve"
            raise Refused(
                f"{where}: approvals need a file of allowed signers.",
                "Name it in billing.toml: allowed_signers under [limits]; docs/approvals.md shows how.",
            )
        if os.name == "posix" and path.stat().st_mode & _WRITABLE_BY_OTHERS:
            raise Misconfigured(f"{path} can be written by others.", f"Run: chmod go-w {path}")
        return path.absolute()


def _run(options: list[str], text: bytes) -> "subprocess.CompletedProcess[bytes]":
    program = shutil.which("ssh-keygen")
    if program is None:
        raise Misconfigured("ssh-keygen is not installed.", "Install OpenSSH's client (openssh-client).")
    try:
        return subprocess.run([program, *options], input=text, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Refused("ssh-keygen did not come to an end.", "Check the key and your agent.") from None


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
