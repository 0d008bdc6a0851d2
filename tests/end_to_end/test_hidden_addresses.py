"""A victim's address that another complaint says or hides is masked in what a run keeps."""

from schemas.tables import COMPLAINTS
from tests.support.run_pipeline import complaint, jsonl, run, table_rows

HIDDEN = (
    "jane=40home.org",
    "jane\u200b@ho\u200bme.org",
    "jane﹫home.org",
    "jane at home.org",
    "jane (at) home dot org",
    "jane\xa0at\xa0home\xa0dot\xa0org",
    "jane àt home dоt org",
    "jane at &nbsp;home.org",
)


def test_a_victims_address_is_masked_in_the_words_of_others(tmp_path):
    own = complaint(0, victim_id="v0", emails=[{"address": "jane@home.org", "role": "victim"}])
    others = [
        complaint(
            number,
            victim_id=f"v{number}",
            narrative=f"They also wrote to {hidden}, he said.",
            emails=[hidden],
        )
        for number, hidden in enumerate(HIDDEN, 1)
    ]
    file = jsonl(tmp_path / "complaints.jsonl", [own, *others])
    run(tmp_path / "run", "--complaints", file, "--keep-narratives")
    kept = table_rows(tmp_path / "run", COMPLAINTS)
    told = [row["narrative"] for row in kept if row["narrative"]]
    assert len(told) == len(HIDDEN)
    for words in told:
        assert words.startswith("They also wrote to #")
        assert words.endswith(", he said.")
        assert "home" not in words and "jane" not in words
    assert not any("home" in address for row in kept for address in row["emails"] or ())
