"""A decision is of what its author was shown: one gate for the page, `decide` and what leaves."""

import json
import shutil

import pytest
from starlette.testclient import TestClient

from pipelines.commands.decide import record_decision
from pipelines.commands.serve import Server, make_app
from pipelines.options import UsageError
from pipelines.user_files import open_run
from schemas.decision import SEEN, DecisionKind
from schemas.manifest import PRIVATE_SIGNATURE, SIGNATURE_NAME
from tests.end_to_end.test_tampered_runs import (
    contested,
    cut_off,
    emptied,
    flipped,
    forged,
    insider,
    insider_with_a_key,
    removed,
    review,
    rewritten,
)
from tests.support.run_pipeline import error_of, execute, files_below, json_of, keys_in, ringtrace
from tests.support.small_ring import PART, RING, SmallRing
from transforms.custody import AlteredRunError, current_time
from transforms.decisions import Decision, parse_decisions

HOST = "http://127.0.0.1:8765"

CONFIRM = {"kind": "confirm", "entity_a": RING, "reason": "rang both lines"}

OPENED = "1 narrative: amazon|C-1; 1 link: phone:+18882223344 phone:+18773334455"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    with keys_in(folder / "home"):
        yield SmallRing(folder)


@pytest.fixture
def run(world, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(world.run, tmp_path / "run")


class Page:
    """A page of a server that was started on a run, and the file that its decisions go to."""

    def __init__(self, run, file):
        self.run, self.file = open_run(run, built_on=True), file
        self.server = Server(self.run, str(file), "Ada Cole", 8765, {})
        self.client = TestClient(make_app(self.server), base_url=HOST)
        self.shown = {"opened": OPENED, "evidence_digest": self.digest()}

    def post(self, name, body):
        own = {"x-ringtrace-token": self.server.secret, "origin": HOST}
        return self.client.post(
            f"/{self.server.token}/api/{name}",
            content=json.dumps(body),
            headers=own | {"content-type": "application/json"},
        )

    def digest(self):
        return self.post("evidence", {"entity": RING}).json()["digest"]

    def decide(self, **changed):
        return self.post("decide", CONFIRM | self.shown | changed)

    def refused(self, **changed):
        """Returns the line that refuses a decision; checks that the decision is not written."""
        answer = self.decide(**changed)
        self.server.flush()
        assert answer.status_code == 400, answer.text
        (line,) = answer.json()["error"].splitlines()
        assert not self.file.exists()
        return line

    def made(self):
        self.server.flush()
        (decision,) = parse_decisions(self.file.read_text(), "d.csv")
        return decision


@pytest.fixture
def page(run, tmp_path):
    return Page(run, tmp_path / "d.csv")


def relinked(run, _):
    rewritten(run / f"links/{PART}", "reporters", 9)
    return f"links/{PART}: is not what the run wrote"


@pytest.mark.parametrize(
    "tamper",
    [review, relinked, flipped, removed, emptied, cut_off, contested, insider, insider_with_a_key],
    ids=lambda tamper: tamper.__name__,
)
def test_what_was_changed_after_the_start_is_not_signed(world, run, page, tamper):
    assert page.digest() == page.shown["evidence_digest"]
    says = tamper(run, world).partition(", which")[0]
    before = files_below(world.folder / "home")
    assert says in page.refused()
    assert says in page.post("evidence", {"entity": RING}).json()["error"]
    asked = Decision("", DecisionKind.CONFIRM, RING, None, "A", "R", current_time(), None)
    with pytest.raises((AlteredRunError, UsageError), match=says.split("/")[-1]):
        record_decision(page.run, str(page.file), asked)  # as `decide` does
    assert not page.file.exists() and files_below(world.folder / "home") == before


def test_what_is_changed_before_it_is_written_is_not_written(world, run, page):
    assert page.decide().status_code == 200
    says = relinked(run, world)
    page.server.flush()
    assert says in page.server.problem() and not page.file.exists()


def test_a_run_that_took_its_place_is_another(world, run, page):
    shutil.rmtree(run)
    shutil.copytree(world.other, run)
    assert "another run stands there" in page.refused()


def test_of_an_unsigned_run_the_digests_of_the_start_count_and_it_is_said(world, run, tmp_path):
    for name in (SIGNATURE_NAME, PRIVATE_SIGNATURE):
        (run / name).unlink()
    page = Page(run, tmp_path / "d.csv")
    assert page.decide().status_code == 200
    assert "unsigned run" in page.made().compared_with
    page.file.unlink()
    (world.folder / "home/decisions.json").unlink()
    forged(run, f"members/{PART}", lambda path: rewritten(path, "robustness", 9))
    shutil.rmtree(run / "private")
    assert open_run(run, built_on=True), "by its own manifest all is well"
    assert "another run stands there" in page.refused()


@pytest.mark.parametrize("digest", ["0" * 64, "", None, ["x"]])
def test_another_digest_than_the_page_showed_says_to_reload(page, digest):
    assert "reload" in page.refused(evidence_digest=digest)
    assert "reload" in page.refused(opened="")


def test_the_digest_covers_members_and_what_ties_them(world, run, tmp_path):
    (run / SIGNATURE_NAME).unlink()
    digests = set()
    for name, column, value in (
        ("members", "reporters", 9),
        ("links", "reporters", 9),
        ("links", "weight", 9.0),
        ("entities", "complaints", 9),
    ):
        digests.add(Page(run, tmp_path / "d.csv").digest())
        forged(run, f"{name}/{PART}", lambda p, c=column, v=value: rewritten(p, c, v))
        shutil.rmtree(run / "private", ignore_errors=True)
    assert len(digests | {Page(run, tmp_path / "d.csv").digest()}) == 5


@pytest.mark.parametrize("reason", ["", "   ", "\u3000", "...", None])
def test_a_reason_is_words(world, run, page, reason):
    assert "reason" in page.refused(reason=reason)
    words = ["decide", run, "confirm", RING, "--author", "A", "--decisions", page.file]
    assert "reason" in error_of(*words, "--reason", reason or "")
    assert "--reason" in error_of(*words)
    assert not page.file.exists()


def test_the_signed_row_and_counsels_memo_name_what_was_open(world, run, page, tmp_path):
    assert page.decide().status_code == 200
    seen = page.made()
    assert (seen.opened, seen.compared_with) == (OPENED, "the signed manifest")
    assert seen.evidence_digest == page.shown["evidence_digest"]
    who = ["--author", "Priya Rao", "--reason", "rang them", "--decisions", page.file]
    execute("decide", run, "confirm", RING, *who)
    text = page.file.read_text()
    for name in SEEN.names:  # signed with the row
        (tmp_path / "edited.csv").write_text(text.replace(getattr(seen, name), "0" * 64, 1))
        words = ["batch", *world.inputs, "--decisions", tmp_path / "edited.csv"]
        assert "was edited" in error_of(*words, "--output", tmp_path / "edited")
    after = ["--previous", run, "--decisions", page.file]
    execute("batch", *world.inputs, *after, "--output", tmp_path / "next")
    case = world.builders(tmp_path / "next", tmp_path / "package")["referral"]
    case[case.index(world.decisions)] = page.file
    assert ringtrace(*case) == 0
    counsel = tmp_path / "package-counsel" / "data"
    told = [row["opened"] for row in json_of(counsel / "counsel.json")["confirmations"]]
    assert sorted(told) == [OPENED, "none: command line"]
    memo = (counsel / "memo.html").read_text()
    assert "amazon|C-1" in memo and "none: command line" in memo and "the signed manifest" in memo
