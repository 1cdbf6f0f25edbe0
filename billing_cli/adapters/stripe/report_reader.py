"""Stripe's Reporting API: a report is asked for, waited for, and downloaded.

Source: https://docs.stripe.com/reports/api. Amounts in it are in major units.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from billing_cli.adapters.stripe.connection import StripeConnection
from billing_cli.adapters.stripe.reading import read
from billing_cli.domain.errors import BadInput, FoundWrong, Misconfigured, Unavailable
from billing_cli.domain.stripe_export import COLUMNS, ExportKind

_RUNS = "/v1/reporting/report_runs"
_FAMILY = "balance_change_from_activity.itemized."
_FIRST_WAIT_S, _LONGEST_WAIT_S, _GIVE_UP_S = 1.0, 15.0, 3600.0
_TIMEOUT_S = 60
_TRIES = 4


class StripeReportReader:
    """One report at a time. `sleep` is for tests, which do not wait."""

    def __init__(self, connection: StripeConnection, sleep: Callable[[float], None] = time.sleep) -> None:
        self._key = connection.key
        self._base = connection.api_base
        self._stripe = connection.reader(posts=_RUNS)
        self._sleep = sleep

    def download(
        self, since: datetime, until: datetime, path: Path, waited: Callable[[float], None]
    ) -> tuple[datetime, datetime]:
        """See `billing_cli.domain.ports.ReportReader`. What Stripe has no data for yet is left out of the interval."""
        newest = self._newest_type()
        start_s = max(int(since.timestamp()), newest["data_available_start"])
        end_s = min(int(until.timestamp()), newest["data_available_end"])
        if end_s <= start_s:
            raise BadInput(
                f"Stripe's report has data up to {_instant(newest['data_available_end']):%Y-%m-%d %H:%M}Z only.",
                "Ask again later, or leave --from-report out.",
            )
        run = self._finished(self._ask(newest["id"], start_s, end_s, ""), waited)
        if run["status"] == "failed":
            run = self._finished(self._ask(newest["id"], start_s, end_s, run["id"]), waited)
        if run["status"] != "succeeded":
            raise Unavailable(f"Stripe could not write {run['id']}: {run['error']}.", "Leave --from-report out.")
        self._fetch(str(run["result"]["url"]), path)
        return _instant(start_s), _instant(end_s)

    def _newest_type(self) -> Mapping[str, Any]:
        types = self._get("/v1/reporting/report_types")["data"]
        found = [each for each in types if each["id"].startswith(_FAMILY)]
        if not found:
            raise BadInput(f"Stripe offers no report {_FAMILY}* to this account.", "Leave --from-report out.")
        newest: Mapping[str, Any] = max(found, key=lambda each: each["version"])
        return newest

    def _ask(self, report_type: str, start_s: int, end_s: int, failed: str) -> Mapping[str, Any]:
        """The same report asked for twice within a day is one run, unless that one `failed`."""
        parameters = {
            "interval_start": start_s,
            "interval_end": end_s,
            "timezone": "Etc/UTC",
            "columns": [*COLUMNS[ExportKind.ITEMIZED]],
        }
        asked = f"{report_type} {start_s} {end_s} {failed}"
        key = "billing-report-" + hashlib.sha256(asked.encode()).hexdigest()[:32]
        answer = read(
            lambda: self._stripe.raw_request(
                "post", _RUNS, report_type=report_type, parameters=parameters, idempotency_key=key
            )
        )
        run: Mapping[str, Any] = json.loads(answer.body)
        return run

    def _finished(self, run: Mapping[str, Any], waited: Callable[[float], None]) -> Mapping[str, Any]:
        """The run once it is over. Raises Unavailable where it does not come to an end."""
        began, wait_s = time.monotonic(), _FIRST_WAIT_S
        while run["status"] == "pending":
            if time.monotonic() - began > _GIVE_UP_S:
                raise Unavailable(f"Stripe is still writing {run['id']}.", "The same command again goes on waiting.")
            self._sleep(wait_s)
            waited(time.monotonic() - began)
            wait_s = min(wait_s * 1.5, _LONGEST_WAIT_S)
            run = self._get(f"{_RUNS}/{run['id']}")
        return run

    def _fetch(self, url: str, path: Path) -> None:
        self._check_host(url)
        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.3, max=5),
            stop=stop_after_attempt(_TRIES),
            reraise=True,
        )
        retrying(self._stream, url, path)

    def _stream(self, url: str, path: Path) -> None:
        # No redirect is followed: the key goes along.
        try:
            with (
                httpx.stream("GET", url, auth=(self._key, ""), timeout=_TIMEOUT_S) as response,
                path.open("wb") as file,
            ):
                if response.status_code != httpx.codes.OK:
                    raise Unavailable(f"Stripe's file host answered {response.status_code} for the report.")
                for chunk in response.iter_bytes():
                    file.write(chunk)
        except httpx.HTTPError as error:
            raise Unavailable(f"The report could not be fetched: {type(error).__name__}.") from None
        except OSError as error:
            raise Misconfigured(f"The report cannot be kept: {error.strerror}.", "Make room, or set TMPDIR.") from None

    def _check_host(self, url: str) -> None:
        """The key is sent along: only to Stripe, or to the sandbox that it belongs to."""
        parts = urlsplit(url)
        if self._base and url.startswith(f"{self._base}/"):
            return
        host = parts.hostname or ""
        if parts.scheme != "https" or not host.endswith(".stripe.com") or parts.username is not None:
            raise FoundWrong(f"The report's link leads to {parts.scheme}://{host}, which is not Stripe.")

    def _get(self, url: str) -> Mapping[str, Any]:
        answer = read(lambda: self._stripe.raw_request("get", url))
        document: Mapping[str, Any] = json.loads(answer.body)
        return document


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
