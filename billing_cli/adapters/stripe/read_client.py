"""The SDK's HTTP client for reads, at the pace that Stripe takes: a 429 is waited out and asked for again."""

import random
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe

from billing_cli.adapters.stripe.bodies import check_read
from billing_cli.adapters.stripe.pace import REASON_HEADER, Pace
from billing_cli.domain.errors import Fault

_TIMEOUT_S = 30
_PATIENCE_S = 60.0
_TOO_MANY = 429
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0


class ReadClient(stripe.RequestsClient):
    """Shared by all threads of a command. A write raises Fault: only a WriteClient, under a permit, may send one.

    `posts` is the one path whose POST changes nothing.
    """

    def __init__(self, pace: Pace, posts: str | None = None) -> None:
        super().__init__(timeout=_TIMEOUT_S)
        self._pace = pace
        self._posts = posts
        self._thread_local = _Sessions()

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """The first answer that is no 429, or the last 429 after a minute: body, status and headers."""
        if method.lower() != "get" and urlsplit(url).path != self._posts:
            raise Fault(f"{method.upper()} {urlsplit(url).path} would write without a permit, and was not sent.")
        give_up_at, refusals = time.monotonic() + _PATIENCE_S, 0
        while True:
            self._pace.wait()
            began_at = time.monotonic()
            answer = super().request(method, url, headers, post_data)
            if answer[1] != _TOO_MANY:
                self._pace.accepted(time.monotonic() - began_at)
                check_read(method.lower(), urlsplit(url).path, *answer)
                return answer
            self._pace.refused(answer[2].get(REASON_HEADER))
            if time.monotonic() > give_up_at:
                return answer
            refusals += 1
            # This thread has nothing in flight meanwhile, as a limit of concurrency asks for.
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**refusals)))  # noqa: S311


class _Sessions(threading.local):
    """A session for each thread. No redirect is followed: an answer from another address is not Stripe's."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.max_redirects = 0
