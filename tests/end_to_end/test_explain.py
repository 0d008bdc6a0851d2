"""`ringtrace explain`: what it states is in the records, and no control character is in it."""

import json

import pytest

from schemas.tables import ENTITIES, LINKS, MENTIONS, NARRATIVES
from tests.support.run_pipeline import complaint, jsonl, read, ringtrace, run

PHONE, ACCOUNT = "phone:+18885550123", "account:iban:GB29NWBK60161331926819"

TOLD = {
    "victim_id": "v1",
    "narrative": "They said call back (888) 555-0123 \x1b[31mor lose it",
    "phone_numbers": [{"raw": "(888) 555-0123", "role": "callback"}],
    "payments": [{"method": "bank", "payee": "GB29 NWBK 6016 1331 9268 19"}],
    "urls": ["hxxp://amzn-refund[.]support/pay"],
}

OTHER = TOLD | {"victim_id": "v2", "source_org": "microsoft", "urls": []}

FORGED = {
    "phone_numbers": [
        {"raw": "+1 888 555 0123", "role": "callback"},
        {"raw": "+1 212 555 0199", "role": "caller_id"},
    ]
}

LONE = {"emails": ["pay@lone-refund.support"]}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    rows = [complaint(n, **fields) for n, fields in enumerate((TOLD, TOLD, OTHER, FORGED, LONE))]
    run(folder / "run", "--complaints", jsonl(folder / "complaints.jsonl", rows))
    return folder / "run"


def explained(captured, *words):
    assert ringtrace("explain", *map(str, words)) == 0
    return captured.readouterr().out


def explained_json(captured, *words):
    return json.loads(explained(captured, *words, "--json"))


@pytest.mark.parametrize(
    ("written", "entity_id"),
    [
        ("(888) 555-0123", PHONE),
        ("1-888-555-0123", PHONE),
        (PHONE, PHONE),
        ("gb29 nwbk 6016 1331 9268 19", ACCOUNT),
        ("amzn-refund[.]support", "domain:amzn-refund.support"),
        ("https://www.amzn-refund.support/pay?x=1", "domain:amzn-refund.support"),
        ("Pay@lone-refund.support", "email:pay@lone-refund.support"),
    ],
)
def test_any_written_form_is_accepted(small, capsys, written, entity_id):
    assert explained_json(capsys, small, written)["entity"]["entity_id"] == entity_id


def test_every_link_is_split_into_its_records(small, capsys):
    explanation = explained_json(capsys, small, PHONE, ACCOUNT)
    path = explanation["path"]
    assert path["accepted"]
    (link,) = path["links"]
    counted = [part for part in link["parts"] if part["counted"]]
    assert sum(part["share"] for part in counted) == link["weight"] == 1.5
    assert [part["record"] for part in counted] == ["microsoft|c2", "amazon|c0"]
    assert [part["record"] for part in link["parts"] if not part["counted"]] == ["amazon|c1"]
    known = read(small, MENTIONS).to_pylist()
    texts = {row["complaint_id"]: row["narrative"] for row in read(small, NARRATIVES).to_pylist()}
    for part in link["parts"]:
        for mention in part["read"]:
            assert any(
                all(row[name] == mention[name] for name in ("field", "start", "raw"))
                for row in known
            )
            if mention["field"] == "narrative":
                assert (
                    texts[mention["record_id"]][mention["start"] : mention["end"]] == mention["raw"]
                )


def test_rejected_links_are_explained(small, capsys):
    explanation = explained_json(capsys, small, PHONE)
    assert {row["other"] for row in explanation["rejected"]} == {"phone:+12125550199"}
    assert all(not row["accepted"] and row["reason"] for row in explanation["rejected"])
    links = [row for row in read(small, LINKS).to_pylist() if PHONE in row.values()]
    assert explanation["rejected_in_all"] == sum(not row["accepted"] for row in links)


def test_a_caller_id_is_in_no_cluster_and_its_path_is_not_accepted(small, capsys):
    explanation = explained_json(capsys, small, "+12125550199", ACCOUNT)
    assert explanation["entity"]["member"] is None
    assert explanation["cluster"] is None
    assert not explanation["path"]["accepted"]
    assert any(
        "forged" in doubt for link in explanation["path"]["links"] for doubt in link["doubts"]
    )


def test_a_cluster_id_is_answered_with_identifiers_of_it(small, capsys):
    cluster = explained_json(capsys, small, PHONE)["cluster"]["cluster_id"]
    assert ringtrace("explain", small, cluster) == 2
    error = capsys.readouterr().err
    assert f"{cluster} is a cluster: name an identifier of it, such as " in error
    assert PHONE in error


def test_without_evidence_there_is_no_path(small, capsys):
    assert "No evidence path" in explained(capsys, small, PHONE, "pay@lone-refund.support")


def test_a_bridge_says_what_the_cluster_falls_into(tmp_path, capfd):
    number = {"raw": "+1 888 555 0100", "role": "callback"}
    rows = [
        complaint(n, phone_numbers=[number, {"raw": f"+1 888 555 010{n}", "role": "callback"}])
        for n in (1, 2)
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "complaints.jsonl", rows))
    text = explained(capfd, tmp_path / "run", "+1 888 555 0100")
    assert "without this link the cluster falls into 2 (phone:+18885550100, phone:" in text


def test_every_entity_can_be_explained_and_no_control_character_is_shown(small, capsys):
    for entity_id in read(small, ENTITIES)["entity_id"].to_pylist():
        text = explained(capsys, small, entity_id)
        assert all(line.isprintable() for line in text.splitlines())
