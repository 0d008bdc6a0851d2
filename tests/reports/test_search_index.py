from reports.search_index import search_index
from tests.reports.made_up import complaint, entity, mention, write_run

PHONE = "phone:+18885550123"


def run_of(folder):
    rows = {
        "entities": [entity(PHONE)],
        "members": [
            {
                "entity_id": PHONE,
                "cluster_id": "c-1",
                "role": "callback",
                "confidence": 1.0,
                "bridge": False,
            }
        ],
        "mentions": [mention(PHONE, "a-1"), mention("phone:+12125550100", "a-2")],
        "complaints": [complaint("a-1"), complaint("a-2"), complaint("a-3")],
    }
    return write_run(folder, rows)


def test_every_accepted_complaint_is_found_by_its_id(tmp_path):
    found = search_index(run_of(tmp_path), ["c-1"], redact=False)
    told = zip(found["records"], found["record_clusters"], strict=True)
    assert list(told) == [("a-1", 0), ("a-2", None), ("a-3", None)]


def test_a_redacted_copy_finds_no_record(tmp_path):
    assert search_index(run_of(tmp_path), ["c-1"], redact=True)["records"] == []
