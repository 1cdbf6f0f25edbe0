"""Every command, on its way to success: no secret is in anything that it writes, sends or starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgrest import PostgrestDouble
from support.secret_stories import LEAVES, ON_ITS_OWN, STORIES, fill, filled
from support.secret_world import World, world
from support.stripe_control import StripeDouble


def test_every_command_has_its_step() -> None:
    """A new command needs one."""
    assert {step.leaf for steps in STORIES.values() for step in steps} | ON_ITS_OWN == LEAVES


# The older key goes the way of the newer one; one story shows it.
RUNS = [*((transport, story) for transport in ("wire", "rest") for story in STORIES), ("service_role", "webhooks")]


@pytest.fixture
def lived_in(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    db_url: str,
    rest: PostgrestDouble,
    stripe: StripeDouble,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[World]:
    with world(request.param, tmp_path, db_url, rest, stripe, monkeypatch, capfd) as made:
        fill(made, stripe)
        yield made


@pytest.mark.parametrize(("lived_in", "story"), RUNS, indirect=["lived_in"])
def test_a_story_without_a_secret(story: str, lived_in: World, request: pytest.FixtureRequest) -> None:
    transport = request.node.callspec.params["lived_in"]
    for step in STORIES[story]:
        words = filled(step.words, lived_in)
        for form in _forms(transport, writes="--confirm" in words):
            written = lived_in.run(*form, *words)
            assert written.code == step.code, f"{step.words}: {written.out}{written.err}"
    lived_in.assert_no_secret_was_kept()
    started = [" ".join(line) for line in lived_in.children]
    assert any("billing_cli" in line for line in started) == (story == "export"), "workers were to be started"


def _forms(transport: str, writes: bool) -> list[list[str]]:
    if transport == "wire":
        return [["--json"]] if writes else [[], ["--json"]]
    return [[]] if writes else [["--json"]]
