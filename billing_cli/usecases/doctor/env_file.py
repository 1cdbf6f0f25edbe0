"""The .env file: nobody else reads it, git does not have it, and it does not open the live gate."""

import shlex
from collections.abc import Iterator

from billing_cli.domain.doctor import Check, EnvFile, Subject
from billing_cli.domain.verdict import Verdict, failed, passed, skipped, warned
from billing_cli.usecases.doctor.facts import Fact

_OTHERS, _GROUP = 0o007, 0o070


def env_file_checks(file: Fact[EnvFile]) -> list[Check]:
    looks = {
        "env-file-private": lambda: private(file()),
        "env-file-git": lambda: kept_from_git(file()),
        "env-file-live": lambda: without_live(file()),
    }
    return [Check(name, Subject.ENVIRONMENT, look, offline=True) for name, look in looks.items()]


def private(file: EnvFile) -> Iterator[Verdict]:
    step = f"chmod 600 {shlex.quote(file.path)}"
    if not file.exists:
        yield passed(f"There is no {file.path}; settings come from the environment.")
    elif file.mode & _OTHERS:
        yield failed(f"{file.path} can be read or changed by every user here (mode {file.mode:03o}).", step)
    elif file.mode & _GROUP:
        yield warned(f"{file.path} can be read or changed by its group (mode {file.mode:03o}).", step)
    else:
        yield passed(f"Only its owner reads {file.path}.")


def kept_from_git(file: EnvFile) -> Iterator[Verdict]:
    if not file.exists:
        yield passed(f"There is no {file.path}.")
    elif file.tracked is None:
        yield skipped(f"Git is missing or cannot tell whether {file.path} is in a repository.", "Look yourself.")
    elif file.tracked:
        yield failed(
            f"{file.path} is in git.",
            f"git rm --cached {shlex.quote(file.path)}, ignore it, and replace every key in it: "
            "git keeps what it once had.",
        )
    else:
        yield passed(f"{file.path} is not in git.")


def without_live(file: EnvFile) -> Iterator[Verdict]:
    if file.sets_live:
        yield failed(
            f"{file.path} sets LIVE. It does not count there, but other programs may export it.",
            f"Delete that line from {file.path}.",
        )
    else:
        yield passed("LIVE is in no file.")
