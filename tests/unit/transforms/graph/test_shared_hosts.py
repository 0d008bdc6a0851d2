"""Domains that strangers share, told by their use; a ring's own domain stays whole."""

from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from schemas.decision import DecisionKind
from schemas.enums import Role, Status
from schemas.facts import fact, facts_of
from tests.support.examples import draws
from tests.support.made_up_evidence import DAY, evidence, piece
from transforms.decisions import Decision, DecisionsInForce
from transforms.extract import allowlist
from transforms.graph.activity import sum_activity
from transforms.graph.entities import NO_LIFETIMES, annotate_mentions, determine_status
from transforms.graph.epochs import PREVIOUS
from transforms.graph.shared_hosts import partition_by_domain
from transforms.victims import REGISTERED

SITE = "domain:start-here.page"

NOBODY = allowlist.parse_allowlist("entity_id,reason\n", "none.csv")


def number(ring, n=0):
    return f"phone:+1888555{ring:02}{n:02}"


def visit(who, page, *beside, day=0, role=Role.LURE_SITE):
    """A complaint of a person who was sent to a page, and what they name beside it."""
    when = DAY + timedelta(days=day)
    common = {"victim_key": f"amazon|{who}", "observed_at": when}
    rows = [piece(SITE, role, f"c-{who}-{page}-{day}", page=page, **common)]
    rows += [piece(name, Role.CALLBACK, f"c-{who}-{page}-{day}", **common) for name in beside]
    return rows


def platform(tenants, reporters, by_path=False):
    """Rings of two numbers each, every one a tenant."""
    form = "start-here.page/t{}" if by_path else "t{}.start-here.page"
    return [
        visit(f"v{ring}-{person}", form.format(ring), number(ring, person % 2), day=person)
        for ring in range(tenants)
        for person in range(reporters)
    ]


def one_ring(reporters, pages):
    """A ring of three numbers, each victim sent to a page of its own or one of a few."""
    return [
        visit(
            f"v{person}",
            f"case{person % pages}.start-here.page",
            number(0, person // pages % 3 if pages < reporters else person % 3),
            day=person // 2,
        )
        for person in range(reporters)
    ]


def judged(visits, **options):
    rows = evidence([row for rows in visits for row in rows])
    statuses = determine_status(sum_activity(rows), NOBODY, NO_LIFETIMES, **options)
    return rows, statuses


def status(statuses, entity_id=SITE):
    rows = statuses.entities.filter(pc.equal(statuses.entities["entity_id"], entity_id)).to_pylist()
    return rows[0]["status"] if rows else None


@pytest.mark.parametrize("by_path", [False, True])
@pytest.mark.parametrize(("tenants", "reporters"), [(3, 4), (12, 3), (40, 2), (300, 2)])
def test_tenants_of_a_shared_domain_stand_for_themselves(tenants, reporters, by_path):
    rows, statuses = judged(platform(tenants, reporters, by_path))
    assert status(statuses) == Status.SUPPRESSED
    (shared,) = statuses.entities.filter(pc.equal(statuses.entities["entity_id"], SITE)).to_pylist()
    (why,) = facts_of(shared["facts"])
    assert why == fact("shared_host", tenants * reporters, tenants)
    first = "url:start-here.page/t0" if by_path else "domain:t0.start-here.page"
    (tenant,) = statuses.entities.filter(
        pc.equal(statuses.entities["entity_id"], first)
    ).to_pylist()
    assert tenant["status"] == Status.INFRASTRUCTURE
    assert (tenant["reporters"], tenant["hosted_by"]) == (reporters, "start-here.page")
    classified, _ = annotate_mentions(rows, statuses.statuses)
    named = Counter(classified["entity_id"].to_pylist())
    assert SITE not in named
    assert named[first] == reporters


@pytest.mark.parametrize(("reporters", "pages"), [(6, 6), (30, 30), (30, 3), (200, 200)])
def test_a_rings_own_domain_is_one(reporters, pages):
    rows, statuses = judged(one_ring(reporters, pages))
    assert status(statuses) == Status.INFRASTRUCTURE
    classified, _ = annotate_mentions(rows, statuses.statuses)
    assert Counter(classified["entity_id"].to_pylist())[SITE] == reporters


def test_pages_of_which_nothing_else_is_named_say_nothing():
    visits = [visit(f"v{n}", f"t{n}.start-here.page") for n in range(50)]
    assert status(judged(visits)[1]) == Status.INFRASTRUCTURE


@draws(20)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=60))
def test_one_liar_neither_parts_a_domain_nor_joins_its_tenants(lies):
    """Whatever pages, numbers and days one reporter states."""
    said = [visit("liar", f"t{a}.start-here.page", number(b, 0), day=a) for a, b in lies]
    assert status(judged([*one_ring(12, 12), *said])[1]) == Status.INFRASTRUCTURE
    assert status(judged([*platform(5, 4), *said])[1]) == Status.SUPPRESSED


@pytest.mark.parametrize("honest", [1, 4, 24])
def test_liars_part_no_domain_whose_reporters_are_mostly_honest(honest):
    """The honest were sent to one page of it, or to none."""
    for page in (None, "x.start-here.page"):
        said = [visit(f"v{n}", page, number(0, n % 3), day=n) for n in range(honest)]
        for liars in range(honest):
            lies = [
                visit(f"liar{n}", f"x{n // 2}.start-here.page", number(20 + n // 2))
                for n in range(liars)
            ]
            assert status(judged([*said, *lies])[1]) == Status.INFRASTRUCTURE, (page, liars)


def test_a_page_of_one_reporter_is_no_tenant():
    """Its name may be about the person: it stands for the domain, which ties nothing."""
    alone = visit("jane", "jane-doe.start-here.page", number(50))
    rows, statuses = judged([*platform(5, 4), alone])
    assert status(statuses, "domain:t0.start-here.page") == Status.INFRASTRUCTURE
    assert status(statuses, "domain:jane-doe.start-here.page") is None
    classified, _ = annotate_mentions(rows, statuses.statuses)
    assert "jane-doe" not in "".join(classified["entity_id"].to_pylist())


def owned(who, page=None):
    return [piece(SITE, Role.VICTIM, f"own-{who}", victim_key=f"amazon|{who}", page=page)]


def test_a_domain_that_two_people_call_their_own_is_not_parted():
    """A person who claims only a page of it does not claim the domain."""
    others = [owned(f"tenant{n}", f"t{n}.start-here.page") for n in range(3)]
    for owners in range(4):
        claims = [owned(f"owner{n}") for n in range(owners)]
        statuses = judged([*platform(5, 4), *others, *claims])[1]
        parted = status(statuses, "domain:t4.start-here.page") is not None
        assert parted == (owners < 2), owners
        assert (status(statuses) == Status.SUPPRESSED) == parted


@pytest.mark.parametrize("kind", [DecisionKind.VICTIM_OWNED, None])
def test_a_domain_that_is_a_victims_by_decision_or_register_is_not_parted(kind):
    binding = (Decision("d1", kind, SITE, None, "anna", "her shop", DAY, None),) if kind else ()
    registered = [] if kind else [{"entity_id": SITE, "reporters": 9}]
    _, statuses = judged(
        platform(5, 4),
        decided=DecisionsInForce(binding=binding),
        registered=pa.Table.from_pylist(registered, REGISTERED),
    )
    assert status(statuses) is None
    assert not {row for row in statuses.statuses["depth"].to_pylist() if row is not None}
    assert {*statuses.statuses["status"].to_pylist()} >= {
        Status.VICTIM_SIDE if kind else Status.CONTESTED
    }


def test_a_known_number_beside_all_pages_joins_no_tenants():
    """A brand's real line, which every ring shows, is nothing that one ring has for itself."""
    brand = "phone:+18882804331"
    known = allowlist.parse_allowlist(f"entity_id,reason\n{brand},Amazon\n", "known.csv")
    visits = [
        visit(f"v{ring}-{n}", f"t{ring}.start-here.page", brand, number(ring), day=n)
        for ring in range(4)
        for n in range(4)
    ]
    rows = evidence([row for rows in visits for row in rows])
    statuses = determine_status(sum_activity(rows), known, NO_LIFETIMES)
    assert status(statuses) == Status.SUPPRESSED


@pytest.mark.parametrize(
    ("kind", "partner"), [(DecisionKind.SUSPECT_HELD, None), (DecisionKind.MUST_LINK, number(0))]
)
def test_a_decision_puts_a_shared_domain_back(kind, partner):
    decision = Decision("d1", kind, SITE, partner, "anna", "their own server", DAY, None)
    statuses = judged(platform(5, 4), decided=DecisionsInForce(binding=(decision,)))[1]
    assert status(statuses) == Status.INFRASTRUCTURE
    assert status(statuses, "domain:t0.start-here.page") is None


def test_a_domain_that_was_shared_in_the_run_before_stays_so():
    """Its tenants have evidence numbers and decisions of their own."""
    few = [visit("v1", "t1.start-here.page", number(1)), visit("v2", "t2.start-here.page")]
    assert status(judged(few)[1]) == Status.INFRASTRUCTURE
    before = pa.Table.from_pylist(
        [{"entity_id": "domain:t1.start-here.page", "epoch": 1}], PREVIOUS
    )
    statuses = judged(few, previous=before)[1]
    assert status(statuses) == Status.SUPPRESSED
    assert status(statuses, "domain:t1.start-here.page") == Status.INFRASTRUCTURE


@given(st.integers(1, 60))
def test_what_is_below_a_domain_is_where_the_domain_is(partitions):
    ids = [SITE, "domain:a.b.start-here.page", "url:start-here.page/x", "url:t.start-here.page/y"]
    batch = pa.record_batch({"known_as": pa.array([*ids, number(1), None])})
    places = partition_by_domain(batch, "known_as", partitions)
    assert len(set(places[: len(ids)].tolist())) == 1
