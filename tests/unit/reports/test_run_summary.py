"""Entities that several organisations saw, and places."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from unittest import mock

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from reports.member_mentions import read_mentions
from reports.run_summary import (
    PLACE_LIMIT,
    listed_entities,
    map_regions,
    places_and_flows,
    record_trend,
    records_by_org,
    shared_entities,
    shared_ids,
)
from schemas.enums import Status
from tests.support.examples import draws
from tests.support.report_tables import START, call, complaint, entity, member, mention, write_run

IDS = [f"phone:+1888555010{n}" for n in range(4)]

mentions = st.lists(
    st.builds(
        mention,
        st.sampled_from(IDS),
        st.sampled_from(["r1", "r2", "r3"]),
        source_org=st.sampled_from(["amazon", "ftc", "microsoft"]),
        record_kind=st.sampled_from(["complaint", "call"]),
        role=st.sampled_from(["callback", "caller_id"]),
        observed_at=st.integers(0, 50).map(lambda hours: START + timedelta(hours=hours)),
    ),
    max_size=40,
)


def expected_records(rows: list[dict]) -> dict[str, list[dict]]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["entity_id"], row["source_org"]].append(row)
    sightings = defaultdict(list)
    for (entity_id, org), group in sorted(grouped.items()):
        by_kind = defaultdict(set)
        for row in group:
            by_kind[row["record_kind"]].add(row["record_id"])
        times = [row["observed_at"] for row in group]
        sightings[entity_id].append(
            {
                "org": org,
                "complaints": len(by_kind["complaint"]),
                "calls": len(by_kind["call"]),
                "roles": sorted({row["role"] for row in group}),
                "first_seen": min(times),
                "last_seen": max(times),
            }
        )
    return sightings


@given(mentions, st.integers(1, 3), st.sampled_from([2, 7, 1 << 20]))
@draws(40)
def test_each_record_counts_once_for_the_organisation_that_holds_it(
    tmp_path_factory, rows, files, size
):
    expected = expected_records(rows)
    entities = [
        entity(entity_id, orgs=[seen["org"] for seen in sightings])
        for entity_id, sightings in expected.items()
    ]
    run = write_run(
        tmp_path_factory.mktemp("run") / "r", {"mentions": rows, "entities": entities}, files
    )
    shared, total = shared_ids(run, listed_entities(run), limit=10)
    several = {entity_id for entity_id, of_orgs in expected.items() if len(of_orgs) > 1}
    assert total == len(shared) and set(shared) == several
    with mock.patch.dict("reports.tables._ONE_BY_ONE", batch_size=size):
        read = read_mentions(str(run), pa.array(IDS))
    counted = records_by_org(read, np.isin(IDS, shared))
    by_org = {IDS[place]: of_orgs for place, of_orgs in counted.items()}
    assert by_org == {entity_id: expected[entity_id] for entity_id in several}


def test_only_infrastructure_widest_first_with_its_cluster(tmp_path):
    both, three = ["amazon", "ftc"], ["amazon", "ftc", "microsoft"]
    rows = {
        "entities": [
            entity(IDS[0], orgs=both, complaints=9),
            entity(IDS[1], orgs=three, complaints=2),
            entity(IDS[2], orgs=both, complaints=50, status=Status.SUPPRESSED),
            entity(IDS[3], orgs=both, complaints=1),
        ],
        "members": [member(IDS[0], "c-0", tier="verify", robustness=1), member(IDS[1], "c-1")],
    }
    run = write_run(tmp_path / "r", rows)
    ids, total = shared_ids(run, listed_entities(run), limit=2)
    shared = shared_entities(run, ids, {})
    standing = [
        (rows["members"][number]["tier"], rows["members"][number]["robustness"])
        for number in (1, 0)
    ]
    assert shared == [[IDS[1], "c-1", *standing[0], []], [IDS[0], "c-0", *standing[1], []]]
    assert total == 3


def test_a_mistyped_year_does_not_flatten_the_trend(tmp_path):
    days = [START, START + timedelta(days=9), START - timedelta(days=36_500)]
    rows = {"complaints": [complaint(f"A-{n}", received_at=day) for n, day in enumerate(days)]}
    run = write_run(tmp_path / "r", rows)
    for step in (1, 7):
        trend = record_trend(run, step)
        assert (trend["step"], trend["earlier"], sum(trend["complaints"])) == (step, 1, 2)
        after = date.fromisoformat(trend["start"]) + timedelta(len(trend["complaints"]) * step)
        assert after == date(2026, 3, 11)


def places_of(run, *options, **named):
    return places_and_flows(run, listed_entities(run), *options, **named)


def places_run(folder):
    countries = ["US"] * 9 + ["DE"] * 6 + ["SG"] * 2 + [None]
    regions = ["Ohio"] * 6 + ["Utah"] * 3 + ["Berlin"] * 6 + ["Bedok"] * 2 + [None]
    loss = {"loss_amount": Decimal("10.5"), "loss_currency": "USD"}
    iban, upi = "account:iban:DE44500105175407324931", "account:upi:refund@okbank"
    rows = {
        "complaints": [
            complaint(f"A-{n}", victim_country=country, victim_region=region, **loss)
            for n, (country, region) in enumerate(zip(countries, regions, strict=True))
        ],
        "calls": [call(f"C-{n}", carrier="acme", trunk="TG-1") for n in range(3)],
        "entities": [
            entity("phone:+18885550123", complaints=4),
            entity("phone:+442071234567", region="GB"),
            entity(iban, complaints=3),
            entity(upi),
        ],
        "members": [
            member("phone:+18885550123", "c-1"),
            member("phone:+442071234567", "c-1", role="caller_id"),
            member(iban, "c-1", role="payee"),
            member(upi, "c-1", role="payee", tier="verify"),
        ],
    }
    return write_run(folder, rows)


def test_places_count_where_victims_are_and_where_numbers_and_money_lead(tmp_path):
    places = places_of(places_run(tmp_path / "run"))
    assert places["countries"] == [("US", 9), ("DE", 6), ("SG", 2)] and places["unknown"] == 1
    assert places["regions"][:2] == [("DE", "Berlin", 6), ("US", "Ohio", 6)]
    assert places["callbacks"] == [("US", 1, 4)]
    assert (places["carriers"], places["trunks"]) == ([("acme", 3)], [("TG-1", 3)])
    assert places["losses"] == [("USD", "189.00", 18)]
    assert places["institutions"] == [
        ("Bank code 50010517", "DE", 1, 3),
        ("UPI @okbank", "IN", 1, 1),
    ]


def test_small_counts_of_places_cannot_be_computed_and_a_copy_has_no_regions(tmp_path):
    run = places_run(tmp_path / "run")
    places = places_of(run, 5)
    # One hidden count alone would be the sum less the others.
    assert places["countries"] == [("US", 9), ("DE", None), ("SG", None)]
    assert {region[2] for region in places["regions"]} == {None}
    copy = places_of(run, 5, redact=True)
    assert copy["regions"] == []
    assert [institution[0] for institution in copy["institutions"]] == ["Bank code 50010517"]


def regions_run(folder, regions, country="US"):
    """A run of complaints from one country, by region as written."""
    written = [region for region, number in regions.items() for _ in range(number)]
    rows = [
        complaint(f"A-{n}", victim_country=country, victim_region=region)
        for n, region in enumerate(written)
    ]
    return write_run(folder, {"complaints": rows})


def circles(places):
    return {(circle[0], circle[1]): tuple(circle[5:]) for circle in places["circles"]}


def test_spellings_of_a_region_are_one_circle_and_unknown_ones_are_counted(tmp_path):
    places = places_of(
        regions_run(tmp_path / "r", {"TX": 4, "Texas": 2, "texas ": 1, "Utah": 3, "Atlantis": 2})
    )
    assert circles(places) == {("US", "TX"): (7, True), ("US", "UT"): (3, True)}
    assert places["circles"][0][:5] == ["US", "TX", "Texas", 406.2, 264.3]
    assert places["unmapped"] == [["US", 2, True]]
    assert [*places["views"]] == ["US"]
    assert ("US", "texas ", 1) in places["regions"]
    nowhere = places_of(regions_run(tmp_path / "n", {"TX": 4}, country=None))
    assert (nowhere["circles"], nowhere["views"]) == ([], {})
    assert nowhere["unmapped"] == [["", 4, True]]
    assert nowhere["regions"] == []


def test_a_circle_counts_regions_beyond_the_rows_of_the_table(tmp_path):
    many = {f"Nowhere {n}": 5 for n in range(PLACE_LIMIT)}
    places = places_of(regions_run(tmp_path / "r", many | {"TX": 1}))
    assert len(places["regions"]) == PLACE_LIMIT
    assert circles(places) == {("US", "TX"): (1, True)}
    assert places["unmapped"] == [["US", 5 * PLACE_LIMIT, True]]


def test_what_few_write_as_a_region_may_be_an_address_and_is_not_listed(tmp_path):
    written = {"TX": 1, "14 Quarry Road, Springfield": 4, "New Atlantis": 5}
    run = regions_run(tmp_path / "r", written)
    assert places_of(run)["regions"] == [("US", "New Atlantis", 5), ("US", "TX", 1)]
    assert places_of(run)["unmapped"] == [["US", 9, True]]
    assert places_of(run, 6)["regions"] == [("US", "TX", None)]


def test_no_circle_tells_a_small_count_of_a_spelling(tmp_path):
    shown = {"TX": 9, "Texas": 6, "Ohio": 7, "Atlantis": 8}
    hidden = [
        {"texas ": 1, "OH": 4, "Utah": 2, "UT": 3, "Lemuria": 1},
        {"texas ": 4, "OH": 1, "Utah": 4, "UT": 1, "Lemuria": 1},
        {"texas ": 3, "OH": 3, "Utah": 2, "UT": 1, "Lemuria": 2},
    ]
    shown_places = [
        places_of(regions_run(tmp_path / str(n), shown | counts), 5)
        for n, counts in enumerate(hidden)
    ]
    # The same table and the same total of the country: then the map must be the same too.
    assert shown_places[0] == shown_places[1] == shown_places[2]
    assert circles(shown_places[0]) == {
        ("US", "TX"): (15, False),
        ("US", "OH"): (7, False),
        ("US", "UT"): (None, False),
    }
    assert shown_places[0]["unmapped"] == [["US", 8, False]]


def test_what_is_hidden_with_its_country_has_circles_without_a_count(tmp_path):
    run = places_run(tmp_path / "run")
    places = places_of(run, 5)
    assert {circle[5:] for circle in map(tuple, places["circles"])} == {(None, False)}
    assert {circle[:2] for circle in map(tuple, places["circles"])} == {
        *(("US", "OH"), ("US", "UT"), ("DE", "BE"))
    }
    copy = places_of(run, 5, redact=True)
    assert (copy["circles"], copy["unmapped"], copy["views"]) == ([], [], {})


WRITTEN = st.sampled_from(["TX", "Texas", "texas ", "Utah", "UT", "Atlantis", "__proto__", ""])


@given(st.lists(st.tuples(st.sampled_from(["US", "DE", ""]), WRITTEN, st.none() | st.integers(1))))
def test_the_map_has_every_count_that_the_table_may_show_once(rows):
    regions = map_regions(rows)
    sums = [*(circle[5] for circle in regions["circles"]), *(row[1] for row in regions["unmapped"])]
    assert sum(filter(None, sums)) == sum(count or 0 for _, _, count in rows)
    hidden = [
        *(not circle[6] for circle in regions["circles"]),
        *(not row[2] for row in regions["unmapped"]),
    ]
    assert any(hidden) == any(count is None for _, _, count in rows)
    assert regions == map_regions(sorted(rows, key=repr))
