"""Runs, offers and packages of version 0.1 are read as they are, and what they lack is said.

`version_0_1.tar.xz` was made by commit 42a6c27, the last one before the options were renamed, with
a key that is gone: `batch --as-of 2024-04-01`, `exchange offer`, `referral`.
"""

import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import ringtrace as rt
from pipelines import key_store
from pipelines.letters import accepted_offers
from schemas.tables import MEMBERS
from tests.support.real_data import ROOT
from tests.support.run_pipeline import column, error_of, execute, ringtrace, use_keys

CLUSTER, RING = "c-1a6720e6f82fabd8", "phone:+18882223344"

LACKS = ("has no signature", "has no tiers and no reviews")


@pytest.fixture
def old(tmp_path, monkeypatch):
    use_keys(monkeypatch, tmp_path / "home")
    with tarfile.open(ROOT / "tests/support/version_0_1.tar.xz") as file:
        file.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old"


def inputs(old):
    return ["--complaints", old / "complaints.jsonl", "--calls", old / "calls.jsonl"]


def builders(old, out):
    run, decisions = old / "run", ["--decisions", old / "decisions.csv"]
    who = ["--author", "A", "--reason", "R", "--decisions", out / "decisions.csv"]
    named = ["--include", f"{RING}=the carrier confirmed it", "--override-by", "Ada Cole"]
    answered = [*named, "--override-reason", "counsel agreed"]
    case = ["--cluster", CLUSTER, "--recipient", "in-cbi", *inputs(old), *decisions, *answered]
    return {
        "erase": ["erase", "--record", "amazon/c1", "--run", run, *who[:4]],
        "--previous": ["batch", *inputs(old), "--previous", run, "--output", out / "next"],
        "join": ["exchange", "join", run, *decisions, "--output", out / "joint"],
        "report": ["report", run, "--output", out / "report"],
        "redacted": ["report", run, "--redact", "--output", out / "redacted"],
        "explain": ["explain", run, RING],
        "rejects": ["rejects", run, "--output", out / "rejects"],
        "decide": ["decide", run, "confirm", RING, *who],
        "referral": ["referral", run, *case, "--output", out / "package"],
    }


def test_a_run_is_opened_and_built_on(old, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    for name, words in builders(old, out).items():
        capsys.readouterr()
        assert ringtrace(*words) == 0, (name, capsys.readouterr().err)
        error = capsys.readouterr().err
        assert [error.count(lack) for lack in LACKS] == [1, 1], (name, error)
    assert set(column(out / "next", MEMBERS, "cluster_id")) == {CLUSTER}
    assert ringtrace("verify", out / "package") == 0
    assert "4 to be verified before use" in error_of(
        "exchange", "offer", old / "run", "--to", "x", "--output", out / "offer"
    )
    assert ringtrace("health", old / "run") == 0
    assert all(lack in capsys.readouterr().err for lack in LACKS[:1])
    finished = rt.open_run(old / "run")
    assert [note.startswith(says) for note, says in zip(finished.notes, LACKS, strict=True)]
    assert set(finished.table("members")["tier"].to_pylist()) == {"verify"}
    assert set(finished.table("members")["reporters"].to_pylist()) == {0}


def test_a_changed_run_is_refused_as_any_other(old, tmp_path):
    with next((old / "run/members").iterdir()).open("ab") as file:
        file.write(b"x")
    words = ["batch", *inputs(old), "--previous", old / "run", "--output", tmp_path / "next"]
    assert "members/part-00000-of-00001.parquet: is not what" in error_of(*words)


def test_a_package_is_verified(old):
    assert (
        "28 files are as they were sealed"
        in execute("verify", old / "package", "--key", old / "amazon.pem").out
    )
    page = old / "package/data/referral.html"
    page.write_bytes(page.read_bytes().replace(b"888", b"889"))
    assert (
        "data/referral.html"
        in execute("verify", old / "package", "--key", old / "amazon.pem", status=1).out
    )


def test_an_offer_is_taken(old):
    key_store.trust("amazon", key_store.public_key(old / "amazon.pem"))
    assert "offer of amazon to microsoft" in execute("exchange", "show", old / "offer").out
    now = datetime(2024, 5, 2, tzinfo=UTC)
    taken = accepted_offers.accept_offers([str(old / "offer")], "microsoft", {"microsoft"}, now)
    assert [Path(offer.path).name for offer in taken.offers] == ["offer.json"]
    assert not taken.void
