"""Alerts to a webhook: retried until it takes them, and never the same one as a new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import requests
from apache_beam.io.filesystems import FileSystems

from transforms.alerts.files import write_alert
from transforms.alerts.lines import lines

FOLDER = "delivered"
"""Below the output: a file for each alert that the webhook took."""

TIMEOUT = 10
TRIES = 6
FIRST_PAUSE = 0.5
"""Seconds before the second try; each pause is twice the one before: 16 seconds in all."""

_LATER = {408, 425, 429}
"""Client errors that mean try again (RFC 9110, 8470, 6585)."""


class WebhookError(Exception):
    """A webhook that does not take alerts; the text names no alert."""


def post(
    url: str,
    alert_id: str,
    line: bytes,
    send: Callable[..., requests.Response] = requests.post,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Post one alert as JSON, with its id as the Idempotency-Key, until the webhook takes it.

    Redirects are not followed: they could lead where nobody agreed to send alerts.

    Raises:
        WebhookError: if it refuses the alert, or has not taken it after `TRIES` tries.
    """
    headers = {"Content-Type": "application/json", "Idempotency-Key": alert_id}
    problem = ""
    for turn in range(TRIES):
        if turn:
            pause(FIRST_PAUSE * 2 ** (turn - 1))
        try:
            answer = send(url, data=line, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            problem = type(error).__name__
            continue
        if answer.ok and not answer.is_redirect:
            return
        problem = f"status {answer.status_code}"
        if answer.status_code < 500 and answer.status_code not in _LATER:
            break
    raise WebhookError(f"the webhook did not take an alert: {problem}")


def _post(alerts: pa.RecordBatch, url: str, folder: str, *, owe: bool) -> Iterator[str]:
    for alert_id, line in lines(alerts):
        if FileSystems.exists(FileSystems.join(folder, f"{alert_id}.jsonl")):
            continue
        try:
            post(url, alert_id, line)
        except WebhookError:
            if owe:
                return  # nor would it take the others now
            raise
        write_alert(folder, alert_id, b"")
        yield alert_id


@dataclass(eq=False)
class PostAlerts(beam.PTransform):
    """ALERT batches to a webhook; yields the ids of those that it took now.

    An alert counts as delivered when a file of its id is below `output`/delivered. A crash between
    the two sends it a second time, with the same Idempotency-Key. When the webhook does not take
    one the step fails, and is tried again by its runner; with `owe` it goes on, and what is owed is
    for the next tick, which raises it again.
    """

    url: str
    output: str
    owe: bool = False

    def expand(self, alerts: beam.PCollection) -> Any:
        """One request an alert."""
        folder = FileSystems.join(self.output, FOLDER)
        return alerts | beam.FlatMap(_post, self.url, folder, owe=self.owe)
