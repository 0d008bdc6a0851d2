"""Data flows one way through extraction: few files, each of which a reader opens about once."""

from tests.support.narrative_path import narrative_path

MOST_MOVES, MOST_FILES = 45, 19


def test_reading_a_narrative_moves_seldom_between_files():
    path = narrative_path()
    assert len(path) <= MOST_MOVES
    assert len(set(path)) <= MOST_FILES
