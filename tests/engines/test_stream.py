"""A stream from Kafka to alerts: killed at any moment, it loses none and tells none twice."""

import json
import random
import signal
import subprocess
import sys
import time

import pyarrow.dataset as ds
import pytest
from kafka.admin import KafkaAdminClient

from pipelines.cli import main
from schemas.reject import Code
from tests.engines.topics import partition_of, read_all, send
from tests.support.real_data import ROOT
from tests.support.run_pipeline import complaint, run

pytestmark = pytest.mark.kafka

NUMBERS = 12

HALF = 36


def lines():
    """Records that cross the threshold and come from both companies, and some that tell nothing."""
    rows = [
        complaint(
            10 * number + record,
            source_org=("amazon", "microsoft")[record % 2],
            received_at=f"2026-03-0{1 + record}T09:{number:02d}:00Z",
            victim_id=f"v{number}-{record}",
            phone_numbers=[{"raw": f"888-555-01{number:02d}", "role": "callback"}],
        )
        for number in range(NUMBERS)
        for record in range(6)
    ]
    return [json.dumps(row).encode() for row in rows]


def flags(kafka, name, output):
    return [
        *("stream", "--kafka-servers", kafka, "--kafka-complaints", name, "--output", str(output)),
        *("--kafka-alerts", f"{name}-alerts", "--tick-interval", "1", "--stop-after-idle", "3"),
        *("--alert-hours", "240"),
    ]


def alerts_in(output):
    lines = [path.read_bytes() for path in sorted((output / "alerts").glob("*.jsonl"))]
    return {json.loads(line)["alert_id"]: line for line in lines}


def members_in(output):
    (*_, last) = sorted((output / "snapshots").iterdir())
    return ds.dataset(last / "members").to_table()


def alert_facts(output):
    """The subjects of the alerts, each once."""
    pairs = [
        (alert["kind"], alert["entity_id"]) for alert in map(json.loads, alerts_in(output).values())
    ]
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def test_killed_and_started_again_it_loses_and_doubles_no_alert(kafka, tmp_path):
    rows = lines()
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(rows))
    run(tmp_path / "batch", "--complaints", tmp_path / "rows.jsonl")
    send(kafka, "calm", [(None, row) for row in rows])
    assert main(flags(kafka, "calm", tmp_path / "calm")) == 0
    expected = alert_facts(tmp_path / "calm")
    assert len(expected) == 2 * NUMBERS

    rough = tmp_path / "rough"
    command = [sys.executable, "-m", "pipelines.cli", *flags(kafka, "rough", rough)]
    moments = random.Random(3)
    random.Random(1).shuffle(rows)
    for part in (rows[:HALF], rows[HALF:], rows[:9]):  # the last ones come a second time
        send(kafka, "rough", [(None, row) for row in part])
        stream = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(3, 12))
        stream.send_signal(signal.SIGKILL)
        stream.wait()
    assert main(flags(kafka, "rough", rough)) == 0

    assert alert_facts(rough) == expected
    sent = read_all(kafka, "rough-alerts")
    assert {key.decode(): value for key, value in sent} == alerts_in(rough)  # the last of each
    assert len(sent) - len({key for key, _ in sent}) <= 3  # at most what a kill caught in between
    whole = ds.dataset(tmp_path / "batch" / "members").to_table()
    assert members_in(rough) == members_in(tmp_path / "calm") == whole


def test_poison_is_rejected(kafka, tmp_path):
    good = json.dumps(complaint(1)).encode()
    values = [good, b"{", b"", b" ", b'{"complaint_id": 3}', good.replace(b", ", b",\n")]
    send(kafka, "poison", [(None, value) for value in values])
    assert main(flags(kafka, "poison", tmp_path / "out")) == 0
    rejects = ds.dataset(tmp_path / "out" / "rejects").to_table().to_pylist()
    assert len(rejects) == 4
    assert {row["source"].partition("/")[0] for row in rejects} == {"poison"}
    assert Code.NOT_AN_OBJECT in {row["code"] for row in rejects}
    (*_, last) = sorted((tmp_path / "out" / "snapshots").iterdir())
    counted = json.loads((last / "manifest.json").read_bytes())
    assert counted["counts"]["complaints"]["accepted"] == 1


def test_records_that_the_broker_deleted_are_not_passed_over_in_silence(kafka, tmp_path):
    send(kafka, "short", [(b"k", json.dumps(complaint(1)).encode())])
    assert main(flags(kafka, "short", tmp_path / "out")) == 0
    send(kafka, "short", [(b"k", json.dumps(complaint(n)).encode()) for n in range(2, 9)])
    partition = partition_of(kafka, "short")
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_records({partition: 5})
    admin.close()
    assert main(flags(kafka, "short", tmp_path / "out")) == 0
    (gone,) = ds.dataset(tmp_path / "out" / "rejects").to_table().to_pylist()
    assert gone["message"] == "4 records were deleted by the broker before they were read"
    (*_, last) = sorted((tmp_path / "out" / "snapshots").iterdir())
    counted = json.loads((last / "manifest.json").read_bytes())
    assert counted["counts"]["complaints"]["accepted"] == 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["--kafka-servers", "127.0.0.1:1"], "check the address"),
        (["--kafka-complaints", "no-such-topic"], "no such topic"),
    ],
)
def test_wrong_usage_is_one_line(kafka, tmp_path, capsys, changed, words):
    send(kafka, "there", [(None, b"{}")])
    line = flags(kafka, "there", tmp_path / "out")
    place = line.index(changed[0])
    assert main([*line[:place], *changed, *line[place + 2 :]]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert words in said
