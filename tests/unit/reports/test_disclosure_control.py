import pyarrow as pa
import pytest

from reports import disclosure_control
from reports.disclosure_control import LEFT_OUT


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ("held by the suspect in 4 records", "held by the suspect in 4 records"),
        (
            "held in 4 records; dispute decision D-2 by a.roe: A-1; x",
            f"held in 4 records; {LEFT_OUT}",
        ),
        ("known legitimate: decision D-5 by j: one\ntwo", f"known legitimate: {LEFT_OUT}"),
        ("kept apart by cannot_link decision by by by : x", f"kept apart by {LEFT_OUT}"),
    ],
)
def test_what_analysts_wrote_is_left_out(reason, left):
    assert disclosure_control.reason(reason) == left
    column = pa.chunked_array([[reason]])
    assert disclosure_control.reasons(column).to_pylist() == [left]


def test_alarms_do_not_name_decisions():
    giant = {"code": "giant_cluster", "message": "one holds 12 %"}
    told = {"code": "decisions_contradict", "message": "cannot_link A-1 against must_link A-2"}
    found = disclosure_control.alarms([giant, told])
    assert found == [giant, {"code": "decisions_contradict", "message": LEFT_OUT}]


def test_a_word_of_a_million_letters_is_looked_at_once():
    text = "x" * 1_000_000
    assert disclosure_control.reason(text) == text
    assert disclosure_control.reason(f"{text} decision of one") == disclosure_control.LEFT_OUT
