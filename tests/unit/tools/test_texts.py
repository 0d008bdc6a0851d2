"""The list of texts has what a person sees on each medium."""

import pytest

from tools.texts import main


@pytest.mark.parametrize(
    ("medium", "text"),
    [
        ("messages", "unknown {} {}; {} ringtrace --help"),
        ("facts", "used by the scammer in {records}"),
        ("pages", "nothing was opened on the page"),
        ("alerts", "is active again"),
        ("documents", "to be completed and signed by whoever certifies"),
    ],
)
def test_a_medium_is_listed_with_its_texts(capsys, medium, text):
    assert main([medium]) == 0
    assert text in capsys.readouterr().out


def test_docstrings_and_other_media_are_left_out(capsys):
    main(["alerts"])
    assert "webhook gets a request" not in capsys.readouterr().out


def test_an_unknown_medium_is_one_line(capsys):
    assert main(["letters"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
