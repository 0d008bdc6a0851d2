"""People's own words in a claim, a link or a text stand nowhere outside private/."""

import pytest

from schemas.tables import CLUSTERS, COMPLAINTS
from tests.support.leaks import layers_below
from tests.support.run_pipeline import callbacks, complaint, jsonl, run, table_rows

CALLBACK = "+18885550123"

CLAIMS = [
    "my neighbour Quillfeather from 12 Elm St",
    "Quillfeather",
    "Amazon, I am Quillfeather",
    "AMAZON PRIME",
    "Tech at Home",
    None,
]

TOKEN = "aGk3bS9xWm0yQk1QeVZ4"

WIF = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"

PHRASE = "abandon ability able about above absent absorb abstract absurd abuse access accident"

SAID = [b"uillfeather", b"Elm St", TOKEN.encode(), WIF.encode(), b"absorb abstract"]


@pytest.fixture(scope="module", params=[[], ["--keep-narratives"]], ids=["apart", "kept"])
def made(request, tmp_path_factory):
    """A run of six people who claim, and one rejected row; and whether narratives are kept."""
    folder = tmp_path_factory.mktemp("words")
    rows = [
        complaint(
            number,
            victim_id=f"v{number}",
            claimed_brand=claim,
            phone_numbers=callbacks(CALLBACK),
            urls=[f"https://evil-help.com/s/{TOKEN}"],
            narrative=f"I typed {PHRASE} and then {WIF}." if number < 2 else None,
        )
        for number, claim in enumerate(CLAIMS)
    ]
    rows.append(rows[0] | {"complaint_id": "bad", "received_at": "soon", "claimed_brand": None})
    output = folder / "run"
    run(output, "--complaints", jsonl(folder / "complaints.jsonl", rows), *request.param)
    return output, bool(request.param)


def test_the_words_stand_nowhere_outside_private(made):
    output, kept = made
    outside = [
        (path.relative_to(output), layer)
        for path, layer in layers_below(output)
        if path.relative_to(output).parts[0] != "private"
    ]
    assert outside
    said = SAID[2:] if kept else SAID
    assert [(path, words) for path, layer in outside for words in said if words in layer] == []


def test_claims_are_counted_by_brands_of_the_list(made):
    output, kept = made
    (cluster,) = table_rows(output, CLUSTERS)
    assert (cluster["brands"], cluster["name"][-8:]) == (["amazon", "other"], "(amazon)")
    complaints = sorted(table_rows(output, COMPLAINTS), key=lambda row: row["complaint_id"])
    shown = ["other", "other", "amazon", "amazon", "other", None]
    assert [row["claimed_brand"] for row in complaints] == (CLAIMS if kept else shown)
