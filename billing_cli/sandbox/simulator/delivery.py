"""Events on their way to webhook endpoints: signed, tried again for three days, then given up."""

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp

from billing_cli.sandbox.simulator import webhooks
from billing_cli.sandbox.simulator.state import Delivery, State
from billing_cli.sandbox.simulator.usage import HOUR_S

POLL_S = 0.05
TIMEOUT_S = 10
PER_ENDPOINT = 16
PAUSES_S = (300, 1800, 2 * HOUR_S, 5 * HOUR_S, 10 * HOUR_S)
LAST_PAUSE_S = 12 * HOUR_S
GIVE_UP_S = 72 * HOUR_S

Key = tuple[str, str]


async def deliver_forever(state: State) -> None:
    """Until cancelled, and everything under way with it."""
    under_way: set[Key] = set()
    # A connection each: one kept open may be dead by the next event, and that would count as a failure.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        asyncio.TaskGroup() as tasks,
    ):
        while True:
            for delivery in list(_due(state, under_way)):
                tasks.create_task(_attempt(state, session, delivery, under_way))
            await asyncio.sleep(POLL_S)


def _due(state: State, under_way: set[Key]) -> Iterator[Delivery]:
    """Those to start now, which are under way from here on."""
    now_s, busy = state.now_s(), Counter(endpoint_id for _, endpoint_id in under_way)
    for key, delivery in state.contents.undelivered.items():
        ready = delivery.state == "pending" and delivery.next_at <= now_s and key not in under_way
        if ready and busy[delivery.endpoint] < PER_ENDPOINT:
            busy[delivery.endpoint] += 1
            under_way.add(key)
            yield delivery


async def _attempt(state: State, session: aiohttp.ClientSession, delivery: Delivery, under_way: set[Key]) -> None:
    try:
        endpoint = state.objects(webhooks.NOUN).get(delivery.endpoint, {})
        if endpoint.get("status") == "enabled":
            event = state.contents.events_by_id[delivery.event]
            status = await _post(session, endpoint, webhooks.shown_event(state, event), int(state.now_s()))
            _settle(state, delivery, status)
        elif delivery.key in state.contents.deliveries:
            state.put_delivery(delivery._replace(state="given_up"))
        state.journal.flush()
    finally:
        under_way.discard(delivery.key)


async def _post(
    session: aiohttp.ClientSession, endpoint: dict[str, Any], event: dict[str, Any], at_s: int
) -> int | None:
    """The status of the answer, None where there was none."""
    body = json.dumps(event, indent=2, ensure_ascii=False).encode("utf-8", "replace")
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={at_s},v1={_signature(endpoint['secret'], at_s, body)}",
        "User-Agent": "Stripe/1.0",
    }
    try:
        async with session.post(endpoint["url"], data=body, headers=headers, allow_redirects=False) as reply:
            return reply.status
    except (aiohttp.ClientError, OSError, ValueError):
        return None


def _signature(secret: str, at_s: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()


def _settle(state: State, sent: Delivery, status: int | None) -> None:
    current = state.contents.deliveries.get(sent.key)
    if current is None:
        return  # The account was emptied meanwhile.
    tried = current._replace(attempts=current.attempts + 1, last_status=status)
    # Otherwise someone asked for another delivery meanwhile, which is still to come.
    if current is sent:
        tried = _after(tried, status is not None and 200 <= status < 300, state.now_s())
    state.put_delivery(tried)


def _after(tried: Delivery, success: bool, now_s: float) -> Delivery:
    if success:
        return tried._replace(state="succeeded")
    next_at = now_s + (PAUSES_S[tried.attempts - 1] if tried.attempts <= len(PAUSES_S) else LAST_PAUSE_S)
    if next_at > tried.queued_at + GIVE_UP_S:
        return tried._replace(state="given_up")
    return tried._replace(next_at=next_at)
