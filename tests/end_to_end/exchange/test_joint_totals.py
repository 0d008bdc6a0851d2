"""Victims on both sides: counted of one cluster, and taken off its total in a referral."""

import csv
import json

from pipelines import key_store
from reports import signing
from tests.support.exchange_world import AGREED, NOW, SHARED, ringtrace
from tests.support.written_report import parts


def test_only_victims_of_the_cluster_are_compared(counted):
    told = json.loads((counted.result / "result.json").read_bytes())
    assert len(counted.own) > 2 * SHARED and len(counted.other) > SHARED
    assert told["shared"] == SHARED


def test_the_referral_prints_the_count_and_doubles_nobody(counted):
    package = counted.package
    facts = json.loads((package / "data/package.json").read_bytes())
    # The count is about all victims of the cluster, the total about those of the named members.
    total, most = (
        counted.cluster["victims"],
        min(facts["victims"], counted.cluster["victims"] - SHARED),
    )
    assert facts["victims"] <= total and facts["victims_at_most"] == most
    assert facts["overlaps"]["microsoft"]["shared"] == SHARED
    page = (package / "data/referral.html").read_text()
    assert f"At most {most} distinct victims" in page
    assert f"{SHARED} shared with Microsoft, of the {total} of the whole cluster" in page
    assert f"{total} distinct victims" not in page
    # IC3's form has the bound that the summary has.
    forms = [path.read_text() for path in (package / "data/forms").glob("*.csv")]
    assert any(f"Number of victims,at most {most}" in text for text in forms)
    for name in ("result.json", "result.json.sig"):
        assert (package / f"data/overlaps/01-{name}").read_bytes() == (
            counted.result / name
        ).read_bytes()
    assert ringtrace("verify", package) == 0


def test_a_count_of_something_else_is_refused(counted, tmp_path, capsys):
    path = counted.result / "result.json"
    whole, signature = path.read_bytes(), (counted.result / "result.json.sig").read_bytes()
    value = json.loads(whole)
    state = next((counted.home / "overlap").glob("counted-*.json"))
    kept = state.read_text()
    key = key_store.own_key()

    def refused(content, signed, word, **changed):
        (tmp_path / "r").mkdir(exist_ok=True)
        (tmp_path / "r/result.json").write_bytes(content)
        (tmp_path / "r/result.json.sig").write_bytes(signed)
        state.write_text(json.dumps(json.loads(kept) | changed))
        capsys.readouterr()
        status = counted.referral(tmp_path / "p", *AGREED, "--overlap", tmp_path / "r")
        state.write_text(kept)
        said = capsys.readouterr().err
        assert status == 2 and word in said and said.count("\n") == 1
        assert not (tmp_path / "p").exists()

    def again(**changes):
        content = signing.canonical_json(value | changes)
        return content, signing.sign_detached(content, key)

    request = {"agreed": "all", "entities": [], "offer": None}
    refused(whole.replace(b'"shared":9', b'"shared":8'), signature, "altered")
    refused(whole, signing.sign_detached(whole, signing.make_signing_key()), "not trusted")
    refused(*again(shared=8), "is not a count made here")
    refused(*again(shared=3), "shared")
    refused(*again(about=request), "is about all victims")
    refused(*again(about=value["about"] | {"offer": "0" * 64}), "not joined with")
    refused(*again(recipient="fcc"), "not joined with")
    refused(whole, signature, "another cluster", cluster_id="c-0")
    refused(whole, signature, "other members now", members=["phone:+18885550123"])
    refused(b"garbage", signing.sign_detached(b"garbage", key), "is not JSON")
    refused(b"x" * 5_000_000, signature, "altered")
    both = ["--overlap", counted.result, counted.result]
    assert counted.referral(tmp_path / "p", *AGREED, *both) == 2
    assert "twice" in capsys.readouterr().err
    assert counted.referral(tmp_path / "p", *AGREED, "--overlap", tmp_path / "absent") == 2


def test_questions_that_cannot_be_put(counted, tmp_path, capsys):
    plain = tmp_path / "plain.csv"
    plain.write_text("phone\n+12025550001\n")
    about = ["--cluster", counted.cluster["cluster_id"], "--offer", counted.offer]
    for file, run, word in (
        (counted.files[0], counted.world.amazon.run, "not joined"),
        (plain, counted.run, "victim_id"),
    ):
        words = [file, "--run", run, *about, "--by", "phone", "--to", "microsoft"]
        capsys.readouterr()
        counted.letter("request", *words, out="no", status=2)
        assert word in capsys.readouterr().err
        assert not (counted.folder / "no").exists()


def test_the_letters_of_a_cluster_hold_nothing_of_a_victim_nor_the_clusters_id(counted):
    with counted.files[0].open() as file:
        ids = {row["victim_id"] for row in csv.DictReader(file)}
    for path in (counted.folder / name for name in ("1/request.json", "2/answer.json")):
        content = path.read_bytes()
        assert not [entity_id for entity_id in ids if entity_id.encode() in content]
        assert b"202555" not in content
        assert counted.cluster["cluster_id"][2:].encode() not in content


def test_a_joint_run_tells_it_on_the_clusters_page(counted, tmp_path):
    counted.at("amazon")
    words = ["exchange", "join", counted.world.amazon.run, counted.offer, "--now", NOW]
    words += ["--decisions", counted.run.parent / "decisions.csv", "--overlap", counted.result]
    assert ringtrace(*words, "--output", tmp_path / "run") == 0
    data = tmp_path / "run/report/data"
    pieces = parts({f"report/data/{path.name}": path.read_bytes() for path in data.iterdir()})
    counts = {name: facts["joint"]["overlaps"] for name, facts in pieces.items() if facts["joint"]}
    (overlap,) = counts.pop(counted.cluster["cluster_id"])
    assert overlap["shared"] == SHARED and not any(counts.values())
    assert pieces[counted.cluster["cluster_id"]]["joint"]["both"] == SHARED
    wrong = [*words[:-2], "--overlap", tmp_path, "--output", tmp_path / "no"]
    assert ringtrace(*wrong) == 2 and not (tmp_path / "no").exists()
