"""`ringtrace explain`: what it states is in the records, and no control character is in it."""

import json

import pytest

from schemas.tables import ENTITIES, LINKS, MENTIONS, NARRATIVES
from tests.support.run_pipeline import (
    callbacks,
    column,
    complaint,
    error_of,
    execute,
    jsonl,
    run,
    table_rows,
)

PHONE, ACCOUNT = "phone:+18885550123", "account:iban:GB29NWBK60161331926819"

TOLD = {
    "victim_id": "v1",
    "narrative": "They said call back (888) 555-0123 \x1b[31mor lose it",
    "phone_numbers": callbacks("(888) 555-0123"),
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


def explained(*words):
    return execute("explain", *words).out


def explained_json(*words):
    return json.loads(explained(*words, "--json"))


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
def test_any_written_form_is_accepted(small, written, entity_id):
    assert explained_json(small, written)["entity"]["entity_id"] == entity_id


def test_every_link_is_split_into_its_records(small):
    explanation = explained_json(small, PHONE, ACCOUNT)
    path = explanation["path"]
    assert path["accepted"]
    (link,) = path["links"]
    counted = [part for part in link["parts"] if part["counted"]]
    assert sum(part["share"] for part in counted) == link["weight"] == 1.5
    assert [part["record"] for part in counted] == ["microsoft|c2", "amazon|c0"]
    assert [part["record"] for part in link["parts"] if not part["counted"]] == ["amazon|c1"]
    known = table_rows(small, MENTIONS)
    texts = {row["complaint_id"]: row["narrative"] for row in table_rows(small, NARRATIVES)}
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


def test_rejected_links_are_explained(small):
    explanation = explained_json(small, PHONE)
    assert {row["other"] for row in explanation["rejected"]} == {"phone:+12125550199"}
    assert all(not row["accepted"] and row["reason"] for row in explanation["rejected"])
    links = [row for row in table_rows(small, LINKS) if PHONE in row.values()]
    assert explanation["rejected_in_all"] == sum(not row["accepted"] for row in links)


def test_a_caller_id_is_in_no_cluster_and_its_path_is_not_accepted(small):
    explanation = explained_json(small, "+12125550199", ACCOUNT)
    assert explanation["entity"]["member"] is None
    assert explanation["cluster"] is None
    assert not explanation["path"]["accepted"]
    assert any(
        "forged" in doubt for link in explanation["path"]["links"] for doubt in link["doubts"]
    )


def test_what_somebody_calls_genuine_is_asked_about_and_stays(tmp_path):
    """Words of one remove nothing that two others show."""
    site = {"urls": ["https://helping-hands.support/"], "phone_numbers": callbacks("8885550123")}
    shown = [complaint(n, victim_id=f"v{n}", **site) for n in range(2)]
    words = "The genuine site is helping-hands.support, I checked with my bank."
    for name, rows in {
        "without": shown,
        "with": [*shown, complaint(9, victim_id="v9", narrative=words)],
    }.items():
        run(tmp_path / name, "--complaints", jsonl(tmp_path / f"{name}.jsonl", rows))
        told = explained_json(tmp_path / name, "helping-hands.support")
        codes = [doubt["code"] for doubt in told["doubt_facts"]]
        assert ("mentioned_too" in codes) == (name == "with")
        assert told["cluster"]


def test_a_cluster_id_is_answered_with_identifiers_of_it(small):
    cluster = explained_json(small, PHONE)["cluster"]["cluster_id"]
    error = error_of("explain", small, cluster)
    assert f"{cluster} is a cluster: name an identifier of it, such as " in error
    assert PHONE in error


def test_a_bridge_says_what_the_cluster_falls_into(tmp_path):
    number = {"raw": "+1 888 555 0100", "role": "callback"}
    rows = [
        complaint(n, phone_numbers=[number, {"raw": f"+1 888 555 010{n}", "role": "callback"}])
        for n in (1, 2)
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "complaints.jsonl", rows))
    text = explained(tmp_path / "run", "+1 888 555 0100")
    assert "without this link the cluster falls into 2 (phone:+18885550100, phone:" in text


def test_every_entity_can_be_explained_and_no_control_character_is_shown(small):
    for entity_id in column(small, ENTITIES, "entity_id"):
        text = explained(small, entity_id)
        assert all(line.isprintable() for line in text.splitlines())
