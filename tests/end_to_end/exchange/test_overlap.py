"""Three letters by mail, and each side knows how many victims they share, and nothing else."""

import json
import stat

import pytest

from pipelines import key_store
from reports import signing
from reports.exchange import count_shared, decode_elements
from schemas.offer import POINT_BYTES, TAG_BYTES
from tests.support.exchange_world import Company, ringtrace, trust_key

AT = "2026-06-02T00:00:00Z"


@pytest.fixture
def parties(tmp_path, monkeypatch):
    """Two organisations that trust each other's keys, and a way to act as either."""
    none = tmp_path / "none"
    first, second = (
        Company(org, tmp_path / org, none, none, none) for org in ("amazon", "microsoft")
    )
    trust_key(first, second)
    trust_key(second, first)

    def act_as(company):
        monkeypatch.setenv(key_store.HOME_VARIABLE, str(company.home))

    return first, second, act_as


def people(path, numbers):
    rows = [f"(202) 555-{n:04d},person{n}@mail.example,US" for n in numbers]
    path.write_text("\n".join(["phone,email,country", *rows]) + "\n")
    return path


def overlap(*words, at=AT):
    return ringtrace("exchange", "overlap", *words, "--now", at)


def asked(tmp_path, numbers=range(40), *flags):
    mine = people(tmp_path / "amazon.csv", numbers)
    words = ["--to", "microsoft", "--from", "amazon", "--output", tmp_path / "1", *flags]
    assert overlap("request", mine, *({"--by"} & set(flags) or ["--by", "phone"]), *words) == 0
    return tmp_path / "1"


def answered(tmp_path, numbers=range(25, 90), *flags, status=0):
    theirs = people(tmp_path / "microsoft.csv", numbers)
    words = ["--from", "microsoft", "--output", tmp_path / "2", *flags]
    assert overlap("respond", tmp_path / "1", theirs, *words) == status
    return tmp_path / "2"


def test_both_learn_the_count(parties, tmp_path, capsys):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path)
    (state,) = (amazon.home / "overlap").iterdir()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    act_as(microsoft)
    answered(tmp_path)
    act_as(amazon)
    capsys.readouterr()
    count = ["compute", tmp_path / "2", "--from", "amazon", "--output", tmp_path / "3"]
    assert overlap(*count) == 0
    assert "shared victims: 15\n" in capsys.readouterr().out
    assert not state.exists()
    act_as(microsoft)
    assert overlap("show", tmp_path / "3", "--from", "microsoft") == 0
    assert "amazon says: shared victims: 15\n" in capsys.readouterr().out
    act_as(amazon)
    again = ["compute", tmp_path / "2", "--from", "amazon", "--output", tmp_path / "4"]
    assert overlap(*again) == 2
    assert "no request of yours that is open" in capsys.readouterr().err


def test_letters_hold_nothing_of_a_victim_and_hide_how_many(parties, tmp_path):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path)
    act_as(microsoft)
    answered(tmp_path)
    for name in ("1/request.json", "2/answer.json"):
        content = (tmp_path / name).read_bytes()
        letter = json.loads(content)
        assert letter["size"] == 1024
        assert b"202555" not in content
        assert b"person" not in content
        assert b'"40"' not in content


def test_a_count_below_the_minimum_is_withheld(parties, tmp_path, capsys):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path, range(28), "--min-count", "4")
    act_as(microsoft)
    answered(tmp_path)
    act_as(amazon)
    capsys.readouterr()
    words = ["--from", "amazon", "--output", tmp_path / "3"]
    assert overlap("compute", tmp_path / "2", *words) == 0
    assert "fewer than 4" in capsys.readouterr().out
    assert json.loads((tmp_path / "3" / "result.json").read_bytes())["shared"] is None


def resigned(folder, name, key=None, **changes):
    """The letter with other fields, signed by whoever sits here."""
    path = folder / name
    content = signing.canonical_json(json.loads(path.read_bytes()) | changes)
    path.write_bytes(content)
    path.with_name(f"{name}.sig").write_bytes(
        signing.sign_detached(content, key or key_store.own_key())
    )


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size": 2048}, "declares 2048 elements and contains 1024"),
        ({"size": 512}, "power of two"),
        ({"size": 2**40}, "more than"),
        ({"recipient": "ftc"}, "is not for microsoft"),
        ({"sender": "ftc"}, "is signed by amazon"),
        ({"issued_at": "2026-01-01T00:00:00Z"}, "good for 14 days"),
        ({"session": "../../etc"}, "session"),
        ({"by": "name"}, "by"),
        ({"about": {"agreed": "../x", "entities": [], "offer": None}}, "about.agreed"),
        ({"about": {"agreed": "all", "entities": [], "offer": "0" * 64}}, "about.entities"),
        ({"floor": 1}, "floor"),
        ({"points": "*"}, "base64"),
        ({"format": "ringtrace-overlap-answer"}, "is no ringtrace-overlap-request"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_a_cheating_or_misled_request_is_refused(parties, tmp_path, capsys, changes, word):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path)
    resigned(tmp_path / "1", "request.json", **changes)
    act_as(microsoft)
    capsys.readouterr()
    answered(tmp_path, status=2)
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1
    assert not (tmp_path / "2").exists()


def test_an_answer_of_another_size_or_to_another_request_is_refused(parties, tmp_path, capsys):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path)
    act_as(microsoft)
    answered(tmp_path)
    whole = (tmp_path / "2" / "answer.json").read_bytes()
    letter = json.loads(whole)
    for changes, word in (
        ({"size": 2048}, "declares 2048"),
        ({"points": letter["points"][:400]}, "declares 1024"),
        ({"request": "0" * 64}, "answers another request"),
        ({"session": "0" * 64}, "no request of yours that is open"),
    ):
        act_as(microsoft)
        (tmp_path / "2" / "answer.json").write_bytes(whole)
        resigned(tmp_path / "2", "answer.json", **changes)
        act_as(amazon)
        capsys.readouterr()
        words = ["--from", "amazon", "--output", tmp_path / "3"]
        assert overlap("compute", tmp_path / "2", *words) == 2
        assert word in capsys.readouterr().err
        assert not (tmp_path / "3").exists()
    act_as(microsoft)
    (tmp_path / "2" / "answer.json").write_bytes(whole)
    resigned(tmp_path / "2", "answer.json")
    act_as(amazon)
    words = ["--from", "amazon", "--output", tmp_path / "3", "--largest", "1000"]
    assert overlap("compute", tmp_path / "2", *words) == 2
    assert "more than 1000 are not compared" in capsys.readouterr().err


def test_an_altered_letter_and_a_stranger(parties, tmp_path, capsys):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path)
    path = tmp_path / "1" / "request.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"floor":5', b'"floor":3'))
    act_as(microsoft)
    answered(tmp_path, status=2)
    assert "altered" in capsys.readouterr().err
    path.write_bytes(whole)
    resigned(tmp_path / "1", "request.json", signing.make_signing_key())
    answered(tmp_path, status=2)
    assert "not trusted" in capsys.readouterr().err


def test_a_partner_is_not_answered_day_after_day(parties, tmp_path, capsys):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path)
    act_as(microsoft)
    answered(tmp_path)
    theirs = tmp_path / "microsoft.csv"
    words = ["respond", tmp_path / "1", theirs, "--from", "microsoft", "--output", tmp_path / "5"]
    capsys.readouterr()
    assert overlap(*words) == 2
    assert "wait until 2026-06-09T00:00:00Z" in capsys.readouterr().err
    later = "2026-06-09T00:00:00Z"
    assert overlap(*words, at=later) == 2
    assert "was answered already" in capsys.readouterr().err
    act_as(amazon)
    mine = tmp_path / "amazon.csv"
    ask = ["request", mine, "--by", "phone", "--to", "microsoft", "--from", "amazon", "--output"]
    assert overlap(*ask, tmp_path / "6", at=later) == 0
    act_as(microsoft)
    words[1] = tmp_path / "6"
    assert overlap(*words, at=later) == 0
    # What it was answered is known after a restart, and counted over a year.
    (microsoft.home / "policy.toml").write_text("overlap_answers_per_year = 2\n")
    act_as(amazon)
    again = "2026-06-17T00:00:00Z"
    assert overlap(*ask, tmp_path / "7", at=again) == 0
    act_as(microsoft)
    words[1], words[-1] = tmp_path / "7", tmp_path / "8"
    capsys.readouterr()
    assert overlap(*words, at=again) == 2
    assert "2 times in a year" in capsys.readouterr().err


def test_the_answerer_has_a_floor_of_its_own(parties, tmp_path, capsys):
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path, range(40), "--min-count", "4")
    act_as(microsoft)
    answered(tmp_path, range(40), "--min-count", "5", status=2)
    assert "your least is 5" in capsys.readouterr().err
    (microsoft.home / "policy.toml").write_text("least_shared_count = 8\n")
    answered(tmp_path, status=2)
    assert "your least is 8" in capsys.readouterr().err
    answered(tmp_path, range(40), "--min-count", "4")


def test_whoever_asks_about_few_learns_nothing_of_one_of_them(parties, tmp_path, capsys):
    """The floor does not rest on the program that the partner runs, who has the secret."""
    amazon, microsoft, act_as = parties
    act_as(amazon)
    asked(tmp_path, range(40))
    (state,) = (amazon.home / "overlap").iterdir()
    kept = json.loads(state.read_bytes())
    act_as(microsoft)
    answered(tmp_path, range(4))
    said = capsys.readouterr().out
    assert "you show none of yours, which are fewer than 5, as 1024" in said
    letter = json.loads((tmp_path / "2" / "answer.json").read_bytes())
    points = decode_elements(letter["points"], POINT_BYTES, letter["size"])
    tags = decode_elements(letter["tags"], TAG_BYTES, letter["size"])
    session, secret = bytes.fromhex(letter["session"]), bytes.fromhex(kept["secret"])
    assert count_shared(secret, session, points, tags) == 0
    act_as(amazon)
    words = ["--from", "amazon", "--output", tmp_path / "3"]
    assert overlap("compute", tmp_path / "2", *words) == 0
    assert "fewer than 5" in capsys.readouterr().out


def test_a_file_without_what_is_compared(parties, tmp_path, capsys):
    act_as = parties[2]
    act_as(parties[0])
    path = tmp_path / "v.csv"
    path.write_text("email\na@b.example\n")
    words = ["--by", "phone", "--to", "microsoft", "--from", "amazon", "--output", tmp_path / "1"]
    assert overlap("request", path, *words) == 2
    assert "contains no readable phone" in capsys.readouterr().err
    assert overlap("request", tmp_path / "absent.csv", *words) == 2
    assert not (tmp_path / "1").exists()
