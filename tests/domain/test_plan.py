"""Digests: stable for the same plan, and another for the least change."""

from hypothesis import given, settings
from hypothesis import strategies as st

from billing_cli.domain.account import StripeIdentity
from billing_cli.domain.plan import digest_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TEST = StripeIdentity("acct_1", livemode=False, key_is_live=False)


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_the_order_of_the_facts_does_not_count(changes: dict[str, object]) -> None:
    digest = digest_of("export", TEST, changes)
    assert digest == digest_of("export", TEST, dict(reversed(changes.items())))
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=5), st.text(), json_values)
def test_every_change_counts(changes: dict[str, object], name: str, value: object) -> None:
    added = {**changes, f"{name}+": value}
    same = f"{name}+" in changes
    assert same or digest_of("export", TEST, added) != digest_of("export", TEST, changes)


def test_a_digest_stays_what_it_is_between_versions() -> None:
    assert digest_of("export", TEST, {"a": [1, "2", None]}) == (
        "a2090c7ab07d05e1deb12f6d0a7d64b604b4b8630f6c3e26fda5dfbdb0b3fb67"
    )
