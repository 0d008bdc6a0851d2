"""Three letters by mail, and each side knows how many victims they share, and nothing else."""

import json
import stat

import pytest

from pipelines import key_store
from reports import signing
from reports.exchange import count_shared, decode_elements
from schemas.offer import POINT_BYTES, TAG_BYTES
from tests.support.exchange_world import Company, trust_key
from tests.support.run_pipeline import execute, json_of, use_keys

AT = "2026-06-02T00:00:00Z"


class Parties:
    """Two organisations that trust each other's keys; each letter acts as its sender."""

    def __init__(self, folder, patch):
        self.folder, self.patch = folder, patch
        none = folder / "none"
        self.amazon, self.microsoft = (
            Company(org, folder / org, none, none, none) for org in ("amazon", "microsoft")
        )
        trust_key(self.amazon, self.microsoft)
        trust_key(self.microsoft, self.amazon)

    def move(self, company, *words, moment=AT, status=0):
        use_keys(self.patch, company.home)
        words = ["exchange", "overlap", *words, "--from", company.org, "--now", moment]
        return execute(*words, status=status)

    def victims(self, company, numbers):
        rows = [f"(202) 555-{n:04d},person{n}@mail.example,US" for n in numbers]
        path = self.folder / f"{company.org}.csv"
        path.write_text("\n".join(["phone,email,country", *rows]) + "\n")
        return path

    def ask(self, numbers=range(40), *flags, out="1", **more):
        mine = self.victims(self.amazon, numbers)
        words = ["--to", "microsoft", "--by", "phone", "--output", self.folder / out, *flags]
        return self.move(self.amazon, "request", mine, *words, **more)

    def answer(self, numbers=range(25, 90), *flags, to="1", out="2", **more):
        theirs = self.victims(self.microsoft, numbers)
        words = [self.folder / to, theirs, "--output", self.folder / out, *flags]
        return self.move(self.microsoft, "respond", *words, **more)

    def compute(self, *flags, out="3", **more):
        words = ["compute", self.folder / "2", "--output", self.folder / out, *flags]
        return self.move(self.amazon, *words, **more)

    def request_state(self):
        (state,) = (self.amazon.home / "overlap").iterdir()
        return state

    def resign(self, name, key=None, **changes):
        """Gives a letter other fields, signed by whoever sent it."""
        path = self.folder / name
        company = self.amazon if "request" in name else self.microsoft
        use_keys(self.patch, company.home)
        content = signing.canonical_json(json_of(path) | changes)
        path.write_bytes(content)
        signature = signing.sign_detached(content, key or key_store.own_key())
        path.with_name(f"{path.name}.sig").write_bytes(signature)


@pytest.fixture
def parties(tmp_path, monkeypatch):
    return Parties(tmp_path, monkeypatch)


def test_both_learn_the_count(parties, tmp_path):
    parties.ask()
    state = parties.request_state()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    parties.answer()
    assert "shared victims: 15\n" in parties.compute().out
    assert not state.exists()
    shown = parties.move(parties.microsoft, "show", tmp_path / "3").out
    assert "amazon says: shared victims: 15\n" in shown
    assert "no request of yours that is open" in parties.compute(out="4", status=2).err


def test_letters_hold_nothing_of_a_victim_and_hide_how_many(parties, tmp_path):
    parties.ask()
    parties.answer()
    for name in ("1/request.json", "2/answer.json"):
        content = (tmp_path / name).read_bytes()
        letter = json.loads(content)
        assert letter["size"] == 1024
        assert b"202555" not in content
        assert b"person" not in content
        assert b'"40"' not in content


def test_a_count_below_the_minimum_is_withheld(parties, tmp_path):
    parties.ask(range(28), "--min-count", "4")
    parties.answer()
    assert "fewer than 4" in parties.compute().out
    assert json_of(tmp_path / "3" / "result.json")["shared"] is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size": 2048}, "declares 2048 elements and contains 1024"),
        ({"size": 512}, "power of two"),
        ({"size": 2**40}, "power of two"),
        ({"recipient": "ftc"}, "is not for microsoft"),
        ({"sender": "ftc"}, "but amazon signed it"),
        ({"sender": "\x1b[2Jftc\n"}, "field sender: Expected `str`"),
        ({"recipient": "\x1b[2Jftc\n"}, "field recipient: Expected `str`"),
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
def test_a_cheating_or_misled_request_is_refused(parties, tmp_path, changes, word):
    parties.ask()
    parties.resign("1/request.json", **changes)
    said = parties.answer(status=2).err
    assert word in said
    assert said.count("\n") == 1
    assert not (tmp_path / "2").exists()


def test_an_answer_of_another_size_or_to_another_request_is_refused(parties, tmp_path):
    parties.ask()
    parties.answer()
    path = tmp_path / "2" / "answer.json"
    whole = path.read_bytes()
    for changes, word in (
        ({"size": 2048}, "declares 2048"),
        ({"points": json.loads(whole)["points"][:400]}, "declares 1024"),
        ({"request": "0" * 64}, "answers another request"),
        ({"session": "0" * 64}, "no request of yours that is open"),
    ):
        path.write_bytes(whole)
        parties.resign("2/answer.json", **changes)
        assert word in parties.compute(status=2).err
        assert not (tmp_path / "3").exists()
    path.write_bytes(whole)
    parties.resign("2/answer.json")
    said = parties.compute("--largest", "1000", status=2).err
    assert "more than 1000 are not compared" in said


def test_an_altered_letter_and_a_stranger(parties, tmp_path):
    parties.ask()
    path = tmp_path / "1" / "request.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"floor":5', b'"floor":3'))
    assert "altered" in parties.answer(status=2).err
    path.write_bytes(whole)
    parties.resign("1/request.json", signing.make_signing_key())
    assert "not trusted" in parties.answer(status=2).err


def test_a_partner_is_not_answered_day_after_day(parties):
    parties.ask()
    parties.answer()
    said = parties.answer(out="5", status=2).err
    assert "wait until 2026-06-09T00:00:00Z" in said
    later = "2026-06-09T00:00:00Z"
    assert "was answered already" in parties.answer(out="5", moment=later, status=2).err
    parties.ask(out="6", moment=later)
    parties.answer(to="6", out="5", moment=later)
    # What it was answered is known after a restart, and counted over a year.
    (parties.microsoft.home / "policy.toml").write_text("overlap_answers_per_year = 2\n")
    again = "2026-06-17T00:00:00Z"
    parties.ask(out="7", moment=again)
    assert "2 times in a year" in parties.answer(to="7", out="8", moment=again, status=2).err


def test_the_answerer_has_a_floor_of_its_own(parties):
    parties.ask(range(40), "--min-count", "4")
    assert "your least is 5" in parties.answer(range(40), "--min-count", "5", status=2).err
    (parties.microsoft.home / "policy.toml").write_text("least_shared_count = 8\n")
    assert "your least is 8" in parties.answer(status=2).err
    parties.answer(range(40), "--min-count", "4")


def test_whoever_asks_about_few_learns_nothing_of_one_of_them(parties, tmp_path):
    """The floor does not rest on the program that the partner runs, who has the secret."""
    parties.ask()
    kept = json_of(parties.request_state())
    said = parties.answer(range(4)).out
    assert "you show none of yours, which are fewer than 5, as 1024" in said
    letter = json_of(tmp_path / "2" / "answer.json")
    points = decode_elements(letter["points"], POINT_BYTES, letter["size"])
    tags = decode_elements(letter["tags"], TAG_BYTES, letter["size"])
    session, secret = bytes.fromhex(letter["session"]), bytes.fromhex(kept["secret"])
    assert count_shared(secret, session, points, tags) == 0
    assert "fewer than 5" in parties.compute().out


def test_a_file_without_what_is_compared(parties, tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("email\na@b.example\n")
    words = ["--by", "phone", "--to", "microsoft", "--output", tmp_path / "1"]
    said = parties.move(parties.amazon, "request", path, *words, status=2).err
    assert "contains no readable phone" in said
    parties.move(parties.amazon, "request", tmp_path / "absent.csv", *words, status=2)
    assert not (tmp_path / "1").exists()
