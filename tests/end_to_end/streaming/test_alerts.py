"""Alerts of a watched folder: each is raised once, by its own cause, and names no innocent."""

import json
import os
import re
import signal
import sys
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import TextIO

import pytest
import requests

from pipelines.streaming.__main__ import main
from schemas.tables import HELD_FOLDER
from tests.support.examples import LONG
from tests.support.run_pipeline import (
    call,
    callbacks,
    cluster_by_entity,
    complaint,
    execute,
    inbox,
    jsonl,
    refusal_of,
    run,
    watch_once,
    write_decisions,
)
from transforms.alerts import raise_alerts as sinks

IRS = "800-829-1040"  # on the shipped list

SPOOFED, VICTIM, SECRET = "(888) 555-0177", "+12025550147", "my name is Jane Roe"

OLD = {"A": ("(888) 555-0101", "(888) 555-0102"), "B": ("(877) 555-0103", "(877) 555-0104")}


def moment(day: int, hour: int = 9) -> str:
    return f"2026-03-{day:02d}T{hour:02d}:00:00Z"


def report(number: int, *raws: str, day: int, org: str = "amazon", **more):
    numbers = callbacks(*raws)
    return complaint(
        number,
        source_org=org,
        received_at=moment(day, number % 24),
        victim_id=f"v{number}",
        phone_numbers=[*numbers, *more.pop("others", ())],
        **more,
    )


KNOWN = [report(n, *OLD["A" if n < 4 else "B"], day=1 + n % 4) for n in range(8)]

NEW = [
    *(report(n, OLD["A"][0], "(866) 555-0105", day=8) for n in range(20, 23)),  # joins A
    *(report(n, "(855) 555-0106", day=9) for n in range(30, 35)),  # crosses the threshold
    report(40, "(844) 555-0107", day=9),
    report(41, "(844) 555-0107", day=9, org="microsoft"),  # both report it
]

INNOCENT = [
    *(report(n, IRS, day=9) for n in range(50, 60)),
    *(
        report(n, day=9, others=[{"raw": SPOOFED, "role": "caller_id"}], narrative=SECRET)
        for n in range(60, 70)
    ),
    *(report(n, VICTIM, day=9) for n in range(70, 80)),
    report(80, day=9, others=[{"raw": VICTIM, "role": "victim"}]),
]

SUDDEN = [
    *(report(300 + n, "(866) 555-0199", day=1 + 4 * n) for n in range(2)),
    *(report(400 + n, "(866) 555-0199", day=12) for n in range(12)),
]
"""A burst against its own history."""

CALLS = [
    call(n, started_at=moment(9), direction="inbound", calling_number=SPOOFED, attestation="A",
         called_number=VICTIM)
    for n in range(10)
]  # fmt: skip


def stream(watched: Path, output: Path, *flags: object) -> dict[str, dict]:
    """Watch until idle; the alerts by id."""
    watch_once(watched, output, *flags)
    return alerts_in(output)


def alerts_in(output: Path) -> dict[str, dict]:
    lines = [path.read_text() for path in sorted((output / "alerts").glob("*.jsonl"))]
    return {alert["alert_id"]: alert for alert in map(json.loads, lines)}


def kinds_of(alerts: dict[str, dict]) -> set[tuple]:
    return {(alert["kind"], alert["entity_id"]) for alert in alerts.values()}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A batch run that knows two clusters."""
    folder = tmp_path_factory.mktemp("known")
    run(folder / "run", "--complaints", jsonl(folder / "known.jsonl", KNOWN))
    return folder / "run"


@pytest.fixture
def watched(tmp_path):
    return inbox(tmp_path / "in")


@pytest.fixture(scope="module")
def told(known, tmp_path_factory):
    """The output of a stream over all of them, the alerts of its first tick, and their files."""
    folder = tmp_path_factory.mktemp("told")
    watched, output = inbox(folder / "in"), folder / "out"
    jsonl(watched / "complaints" / "a.jsonl", [*KNOWN, *NEW, *INNOCENT, *SUDDEN])
    jsonl(watched / "calls" / "a.jsonl", CALLS)
    alerts = stream(watched, output, "--previous", known)
    files = {path.name: path.read_bytes() for path in (output / "alerts").iterdir()}
    late = [report(n, "(855) 555-0106", day=9) for n in range(90, 92)]  # before the newest
    more = [report(500 + n, "(866) 555-0199", day=12) for n in range(3)]
    jsonl(watched / "complaints" / "b.jsonl", [*NEW, *late, *more])
    stream(watched, output, "--previous", known)
    return output, alerts, files


def test_each_alert_is_raised_and_nobody_innocent_is_named(known, told):
    output, alerts, _ = told
    # Ten people say that a number is the scammer's, one that it is their own: it is contested.
    assert kinds_of(alerts) == {
        ("joined_cluster", "phone:+18665550105"),
        ("threshold", "phone:+18555550106"),
        ("several_orgs", "phone:+18445550107"),
        ("threshold", "phone:+18665550199"),
        ("burst", "phone:+18665550199"),
    }
    before = cluster_by_entity(known)
    (joined,) = (alert for alert in alerts.values() if alert["kind"] == "joined_cluster")
    assert joined["known_clusters"] == [before["phone:+18885550101"]]
    assert joined["tied_to"] == ["phone:+18885550101"]
    assert joined["record_ids"] == ["amazon|c22", "amazon|c21", "amazon|c20"]
    text = "".join(path.read_text() for path in (output / "alerts").iterdir())
    for secret in ("555-0177", "5550177", "5550147", "8291040", "Jane"):
        assert secret not in text
    assert not re.search(r"\bv\d", text)


def test_an_alert_that_names_a_victim_is_held_back(watched, tmp_path, monkeypatch):
    lines = sinks.alert_lines

    def leaking(alerts):
        for alert_id, line in lines(alerts):
            yield alert_id, line.replace(b"5550106", b"5550106 of 202-555-0149")

    monkeypatch.setattr(sinks, "alert_lines", leaking)
    own = report(81, day=9, others=[{"raw": "202-555-0149", "role": "victim"}])
    jsonl(watched / "complaints" / "a.jsonl", [*NEW, own])
    words = ["--watch", watched, "--output", tmp_path / "out", "--stop-after-idle", 1]
    said = execute(main, [*map(str, words), "--tick-interval", "1"], status=1).err
    assert "1 alert held back" in said and "0149" not in said
    assert kinds_of(alerts_in(tmp_path / "out")) == {("several_orgs", "phone:+18445550107")}
    (path,) = (tmp_path / "out" / HELD_FOLDER / "alerts").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600 and "18555550106" in path.read_text()


def test_a_burst_is_raised_with_its_day(told):
    _, alerts, _ = told
    (burst,) = (alert for alert in alerts.values() if alert["kind"] == "burst")
    assert burst["reason"] == "12 people on 2026-03-12, after 2 in 11 days"
    assert (burst["records"], burst["victims"], burst["orgs"]) == (14, 14, ["amazon"])
    assert set(burst["record_ids"]) < {f"amazon|c{400 + n}" for n in range(12)}


def test_late_and_repeated_records_raise_nothing_twice(told):
    output, alerts, files = told
    assert alerts_in(output) == alerts
    assert {path.name: path.read_bytes() for path in (output / "alerts").iterdir()} == files


def test_clusters_that_would_merge_and_a_referred_one_that_wakes(known, watched, tmp_path):
    before = cluster_by_entity(known)
    a, b = before["phone:+18885550101"], before["phone:+18775550103"]
    assert a != b
    referred = tmp_path / "referred.csv"
    referred.write_text(f"cluster_id,referred_at\n{a},{moment(7)}\n")
    decisions = write_decisions(
        tmp_path / "decisions.csv",
        f"d1,must_link,+18885550101,+18775550103,ann,same voice,{moment(5)},",
    )
    across = [report(n, OLD["A"][0], OLD["B"][0], day=8) for n in range(20, 26)]
    jsonl(watched / "complaints" / "a.jsonl", [*KNOWN, *across])
    flags = ["--previous", known, "--referred", referred, "--decisions", decisions]
    alerts = stream(watched, tmp_path / "out", *flags)
    (merge,) = (alert for alert in alerts.values() if alert["kind"] == "clusters_merge")
    assert merge["known_clusters"] == sorted([a, b])
    assert set(merge["tied_to"]) == {"phone:+18885550101", "phone:+18775550103"}
    (awake,) = (alert for alert in alerts.values() if alert["kind"] == "referred_awake")
    assert awake["known_clusters"] == [a]
    assert awake["observed_at"] == "2026-03-08T00:00:00Z"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("cluster_id,referred_at\nc-1,2026-03-01T00:00:00Z\n", "row 2, cluster_id"),
        ("cluster_id,referred_at\nc-00000000000000aa,yesterday\n", "row 2, referred_at"),
        ("cluster_id,referred_at\nc-00000000000000aa,2026-03-01\n", "with a zone"),
    ],
)
def test_a_wrong_file_of_referrals_is_one_line(content, problem, watched, tmp_path):
    path = tmp_path / "referred.csv"
    path.write_text(content)
    words = ["--watch", str(watched), "--output", str(tmp_path / "o"), "--referred", str(path)]
    error = refusal_of(main, words)
    assert problem in error


def forked(words: list[str]) -> tuple[int, TextIO]:
    """A process that watches, which has loaded what this one has, and what it says."""
    reading, writing = os.pipe()
    if process := os.fork():
        os.close(writing)
        return process, os.fdopen(reading, encoding="utf-8")
    try:
        os.dup2(writing, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8")
        main(words)
    finally:
        os._exit(1)


def test_killed_at_any_moment_no_alert_is_lost_or_doubled(known, told, watched, tmp_path):
    _, expected, _ = told
    parts = [[*KNOWN, *NEW[:3]], [*NEW[3:6], *INNOCENT, *SUDDEN[:6]], [*NEW[6:], *SUDDEN[6:]]]
    if LONG:
        parts[2:] = [NEW[6:9], [*NEW[9:], *SUDDEN[6:]]]
    output = tmp_path / "out"
    words = ["--watch", watched, "--output", output, "--tick-interval", 1, "--previous", known]
    for number, rows in enumerate(parts):
        jsonl(watched / "complaints" / f"{number}.jsonl", rows)
        process, stderr = forked([*map(str, words)])
        assert any("watching" in line for line in stderr)
        time.sleep(0.2 + 0.4 * number)  # while it reads, counts or writes
        os.kill(process, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
        stderr.close()
    alerts = stream(watched, output, "--previous", known)
    assert alerts.keys() == expected.keys()
    assert kinds_of(alerts) == kinds_of(expected)
    assert not [path for path in (output / "alerts").iterdir() if not path.name.endswith(".jsonl")]


def test_what_a_webhook_does_not_take_is_said_and_owed_while_it_is_raised(
    watched, tmp_path, monkeypatch
):
    answers, asked = [503], []

    def post(_, data, **__):
        asked.append(json.loads(data)["alert_id"])
        response = requests.Response()
        response.status_code, response.raw = answers[-1], BytesIO()
        return response

    monkeypatch.setattr(sinks, "post_alert", partial(sinks.post_alert, send=post, pause=int))
    words = ["--watch", watched, "--output", tmp_path / "out", "--stop-after-idle", 1]
    words = [*map(str, words), "--tick-interval", "1", "--webhook", "http://localhost:1/"]
    jsonl(watched / "complaints" / "a.jsonl", NEW[3:8])
    said = execute(main, words, status=1).err
    assert said.count("warning: the webhook has not accepted 1 alert: sent again later") == 1
    assert "has not accepted 1 alerts" in said
    (alert,) = alerts_in(tmp_path / "out")
    jsonl(watched / "complaints" / "b.jsonl", [report(90, "(833) 555-0108", day=25)])
    asked.clear()
    # It is old news, which nobody sends any more.
    assert "warning: 1 alert that the webhook has not accepted, raised no more" in (
        execute(main, words).err
    )
    fresh = [report(n, "(833) 555-0109", day=25) for n in range(5)]
    jsonl(watched / "complaints" / "c.jsonl", fresh)
    answers.append(200)
    assert main(words) == 0
    assert set(asked) == alerts_in(tmp_path / "out").keys() - {alert}


def test_a_clock_that_is_set_back_does_not_stop_the_ticks(watched, tmp_path, monkeypatch):
    real, back, raised = time.time, [0.0], []
    monkeypatch.setattr(time, "time", lambda: real() - back[0])
    output = tmp_path / "out"

    def wait(pattern, number):
        until = time.monotonic() + 30
        while len(paths := list(output.glob(pattern))) < number and time.monotonic() < until:
            time.sleep(0.05)
        return len(paths)

    def feed():
        jsonl(watched / "complaints" / "a.jsonl", NEW[3:8])
        wait("snapshots/2*", 1)
        back[0] = 7200.0
        jsonl(watched / "complaints" / "b.jsonl", NEW[8:])
        raised.append(wait("alerts/a-*", 2))
        os.kill(os.getpid(), signal.SIGTERM)

    feeding = Thread(target=feed)
    feeding.start()
    words = ["--watch", watched, "--output", output, "--tick-interval", 2]
    assert main([*map(str, words), "--snapshot-interval", "2"]) == 0
    feeding.join()
    assert raised == [2]
