"""A few people weld two rings: nothing of the weld leaves before a person was shown the join."""

import json
from datetime import date, timedelta
from itertools import combinations

import pyarrow.compute as pc
import pytest

from reports import tables
from schemas.tables import CLUSTERS, MEMBERS
from tests.support.exchange_world import ringtrace
from tests.support.run_pipeline import (
    callbacks,
    column,
    complaint,
    execute,
    json_of,
    jsonl,
    run,
    table_rows,
    use_keys,
    write_decisions,
)

WELDERS = 7

WORDS = (
    "man accent laptop hours kept talking mother telephone bought yesterday drove shop cards codes "
    "window close rang panic account bank secret friendly shouted install program screen daughter "
    "kitchen neighbour police letter refund parcel winter garden doctor pension church"
).split()

NOW = ["--now", "2026-06-01T00:00:00Z"]


LATER = "2026-05-01T00:00:00Z"


def numbers(ring):
    """Four toll-free numbers of a ring, which no private person can hold."""
    return [f"+1888{555 + 111 * ring}{digits:04d}" for digits in (131, 257, 362, 498)]


def day(number):
    return f"{date(2026, 3, 1) + timedelta(days=number)}T09:30:00Z"


def words(number):
    """A narrative that shares no three words in a row with most others."""
    step = 1 + number % 11
    return " ".join(WORDS[(number + step * place) % len(WORDS)] for place in range(14))


def told(number, named, who):
    return complaint(
        number,
        received_at=day(number),
        victim_id=who,
        narrative=words(number),
        phone_numbers=callbacks(*named),
        claimed_brand="Amazon",
    )


def rings(records=10):
    """Two rings of ten records, each of which names three of a ring's four numbers."""
    return [
        told(10 * ring + number, named, f"ring{ring}-v{number}")
        for ring in (0, 1)
        for number, named in zip(
            range(records), 3 * [*combinations(numbers(ring), 3)], strict=False
        )
    ]


def welds(count=WELDERS):
    """Reporters with one complaint each, which names two numbers of either ring."""
    pairs = [*combinations(range(4), 2)]
    return [
        told(
            30 + number,
            [numbers(ring)[place] for ring in (0, 1) for place in pairs[(number + ring) % 6]],
            f"welder-{number}",
        )
        for number in range(count)
    ]


class Office:
    """The records, and a run of them with the decisions so far."""

    def __init__(self, folder, rows):
        self.folder = folder
        self.complaints = jsonl(folder / "complaints.jsonl", rows)
        self.decisions = folder / "decisions.csv"

    def batch(self, name, *more):
        flags = ["--decisions", self.decisions] if self.decisions.exists() else []
        run(self.folder / name, "--complaints", self.complaints, *NOW, *flags, *more)
        return self.folder / name

    def typed(self, *rows):
        write_decisions(self.decisions, *rows)

    def decide(self, made, *words):
        flags = ["--decisions", self.decisions, "--author", "Ada", "--reason", "looked at"]
        return execute("decide", made, *flags, *words, "--now", LATER).out

    def referral(self, made, name):
        (cluster,) = clusters(made)
        words = ["referral", made, "--cluster", cluster["cluster_id"], "--recipient", "us-fbi-ic3"]
        words += ["--complaints", self.complaints, "--decisions", self.decisions]
        return ringtrace(*words, "--output", self.folder / name, *NOW)

    def stix(self, made, name):
        words = ["export", made, "--all", "--format", "stix", "--output", self.folder / name]
        return ringtrace(*words)

    def offer(self, made, name):
        out = self.folder / name
        words = ["exchange", "offer", made, "--from", "amazon", "--to", "microsoft"]
        execute(*words, "--output", out, *NOW)
        offer = json_of(out / "offer.json")
        return {entity["entity_id"]: entity["cluster"] for entity in offer["entities"]}


def clusters(made):
    return table_rows(made, CLUSTERS, pc.field("size") > 1)


@pytest.fixture
def office(tmp_path, monkeypatch):
    use_keys(monkeypatch, tmp_path / "home")
    return lambda rows: Office(tmp_path, rows)


@pytest.fixture(scope="module")
def welded(tmp_path_factory):
    """Returns an office in a folder of its own, and its first run: two rings and who weld them."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        use_keys(patch, home)
        rows = [*rings(), *welds()]
        first = Office(tmp_path_factory.mktemp("welded"), rows).batch("first")
        yield lambda: (Office(tmp_path_factory.mktemp("office"), rows), first)


@pytest.fixture(scope="module")
def typed(welded):
    """The same with a row that was typed before anybody saw the weld, and a run without another."""
    made, _ = welded()
    made.typed(f"C-1,confirm,{numbers(0)[0]},,Ada,looked at,{LATER},")
    return made, made.batch("typed")


def assert_two(offered):
    """An offer names both rings, and no cluster of it numbers of both."""
    clusters_of = [
        {
            cluster
            for entity_id, cluster in offered.items()
            if entity_id.partition(":")[2] in numbers(ring)
        }
        for ring in (0, 1)
    ]
    assert clusters_of[0] and clusters_of[1] and clusters_of[0].isdisjoint(clusters_of[1])


def test_a_weld_by_seven_leaves_in_nothing_and_in_an_offer_as_two(welded, typed):
    made, first = welded()
    (cluster,) = clusters(first)
    assert cluster["size"] == 8
    assert "thin" in cluster["flags"] and cluster["weakest_cut"] <= WELDERS
    core = tables.read_table(first, MEMBERS, where=pc.field("tier") == "core")
    assert core.num_rows == 8
    assert_two(made.offer(first, "offer-1"))
    # A row that was typed before anybody saw the weld confirms it, and vouches for nothing.
    made, confirmed = typed
    (cluster,) = clusters(confirmed)
    assert cluster["status"] == "confirmed" and "thin" in cluster["flags"]
    assert "thin_join" in execute(made.referral, confirmed, "package-1", status=1).err
    assert not (made.folder / "package-1").exists()
    assert made.stix(confirmed, "stix-1.json") == 2
    assert_two(made.offer(confirmed, "offer-2"))


def pairs(ring, count=10):
    """A ring of two numbers, both of which each of its ten records names."""
    return [told(10 * ring + n, numbers(ring)[:2], f"ring{ring}-v{n}") for n in range(count)]


def test_a_weld_of_two_numbers_each_leaves_in_nothing_either(office):
    both = [*numbers(0)[:2], *numbers(1)[:2]]
    lies = [told(20 + n, both, f"welder-{n}") for n in range(WELDERS)]
    made = office([*pairs(0), *pairs(1)])
    first = made.batch("first")
    for ring in (0, 1):
        made.decide(first, "confirm", numbers(ring)[0])
    jsonl(made.complaints, [*pairs(0), *pairs(1), *lies])
    welded = made.batch("welded", "--previous", first)
    (cluster,) = clusters(welded)
    assert (cluster["size"], cluster["weakest_cut"]) == (4, None) and "thin" in cluster["flags"]
    assert len(cluster["thin_side"]) == 2
    assert "thin_join" in execute(made.referral, welded, "package", status=1).err
    assert made.stix(welded, "stix.json") == 2
    assert_two(made.offer(welded, "offer"))
    # An analyst who was shown the join vouches for it.
    shown = made.decide(welded, "confirm", numbers(0)[1])
    assert f"if {WELDERS} reporters are wrong" in shown
    (cluster,) = clusters(made.batch("confirmed", "--previous", welded))
    assert "thin" not in cluster["flags"]


def test_a_pair_that_few_report_is_no_ring_beside_another(office):
    """Two numbers with four reporters beside a ring: a join of two a side needs eight a side."""
    named = [numbers(1)[0], *numbers(0)[:2]]
    made = office([*pairs(0), *pairs(1, 4), *(told(30 + n, named, f"w{n}") for n in range(3))])
    for cluster in clusters(made.batch("first")):
        assert "thin" not in cluster["flags"]


def test_two_who_invent_three_numbers_hold_a_ring_back_until_an_analyst_parts_them(office):
    ring = [told(n, numbers(0)[n % 2 :][:3], f"v{n}") for n in range(20)]
    made = office(ring)
    first = made.batch("first")
    made.decide(first, "confirm", numbers(0)[1])
    invented = numbers(1)[:3]
    lies = [told(30 + 3 * n, [numbers(0)[1], *invented], f"liar-{n}") for n in range(2)]
    jsonl(made.complaints, [*ring, *lies])
    held = made.batch("held", "--previous", first)
    (cluster,) = clusters(held)
    assert cluster["status"] == "confirmed" and "thin" in cluster["flags"]
    assert cluster["thin_side"] == [f"phone:{number}" for number in invented]
    assert made.stix(held, "held.json") == 2
    for number in invented:
        made.decide(held, "cannot_link", numbers(0)[1], number)
    parted = made.batch("parted", "--previous", held)
    assert not any("thin" in cluster["flags"] for cluster in clusters(parted))
    assert made.stix(parted, "parted.json") == 0


def test_a_confirm_of_before_the_weld_does_not_vouch_for_it(office):
    made = office(rings())
    first = made.batch("first")
    for number, ring in enumerate((0, 1)):
        made.decide(first, "confirm", numbers(ring)[number])
    jsonl(made.complaints, [*rings(), *welds()])
    welded = made.batch("welded", "--previous", first)
    (cluster,) = clusters(welded)
    assert cluster["status"] == "confirmed" and "thin" in cluster["flags"]
    sides = {entity_id.partition(":")[2] for entity_id in cluster["thin_side"]}
    assert sides in (set(numbers(0)), set(numbers(1)))
    assert "thin_join" in execute(made.referral, welded, "package", status=1).err
    assert made.stix(welded, "stix.json") == 2
    assert_two(made.offer(welded, "offer"))


@pytest.mark.parametrize("kind", ["confirm", "must_link"])
def test_it_leaves_once_somebody_was_shown_the_join(welded, kind):
    made, first = welded()
    (cluster,) = clusters(first)
    on_side = cluster["thin_side"][0]
    members = column(first, MEMBERS, "entity_id")
    opposite = next(entity_id for entity_id in members if entity_id not in cluster["thin_side"])
    words = {"confirm": ["confirm", on_side], "must_link": ["must_link", on_side, opposite]}[kind]
    text = made.decide(first, *words)
    assert "Falls into two if" in text and "a thin join" in text
    assert f"this {kind} vouches for it" in text
    assert "reporter 1: amazon|c" in text
    assert "ring0-v" not in text and "welder-" not in text
    second = made.batch("second", "--previous", first)
    (cluster,) = clusters(second)
    assert cluster["weakest_cut"] <= WELDERS  # the count stays as it is
    if kind == "confirm":
        assert "thin" not in cluster["flags"]
        assert made.stix(second, "stix.json") == 0
        assert len(set(made.offer(second, "offer").values())) == 1
        assert made.referral(second, "package") == 0


def test_a_confirm_that_was_typed_before_the_first_run_vouches_for_no_join(typed):
    made, first = typed
    second = made.batch("second", "--previous", first)
    third = made.batch("third", "--previous", second)
    for made_run in (first, second, third):
        (cluster,) = clusters(made_run)
        assert "thin" in cluster["flags"]
        assert made.stix(made_run, "stix.json") == 2
    reviewed = pc.field("review") == "reviewed"
    names = column(third, MEMBERS, "entity_id", reviewed)
    assert names == [f"phone:{numbers(0)[0]}"]


def test_explain_names_the_records_that_bear_a_join(welded):
    _, made = welded()
    (cluster,) = clusters(made)
    cluster_told = json.loads(execute("explain", made, numbers(0)[0], "--json").out)["cluster"]
    thin = next(cut for cut in cluster_told["cuts"] if cut["thin"])
    assert thin["reporters"] == cluster["weakest_cut"] == len(thin["borne_by"])
    records = {record for records_of in thin["borne_by"] for record in records_of}
    assert records <= {f"amazon|c{number}" for number in range(40)}
    assert "Falls into two if" in execute("explain", made, numbers(0)[0]).out


def test_what_many_bear_is_not_thin(office):
    made = office([*rings(), *welds(25)]).batch("run")
    (cluster,) = clusters(made)
    assert "thin" not in cluster["flags"] or cluster["weakest_cut"] < 8


def test_every_row_of_the_cut_is_the_same_in_any_order(welded):
    made, first = welded()
    jsonl(made.complaints, [*rings(), *welds()][::-1])
    reversed_rows = tables.read_table(made.batch("two", "--partitions", "3"), CLUSTERS)
    assert reversed_rows.equals(tables.read_table(first, CLUSTERS))
