"""What tests of several adapters arrange."""

import pytest


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once, and no pace holds them back."""
    monkeypatch.setattr("billing_cli.adapters.stripe.exchange._MAX_WAIT_S", 0)
    monkeypatch.setattr("billing_cli.adapters.stripe.stream_session._MAX_WAIT_S", 0)
    monkeypatch.setattr("billing_cli.adapters.stripe.pace._LEAST_PER_S", 1e9)
    monkeypatch.setattr("billing_cli.adapters.stripe.event_canceller.CANCELLATIONS_PER_S", 1e9)
