"""Fifty pseudonyms with one text in one minute: what they add is one person's."""

import json
from random import Random

import pyarrow.compute as pc
import pytest

from pipelines import key_store
from reports import tables
from schemas.tables import CLUSTERS, ENTITIES, MEMBERS
from tests.end_to_end.test_thin_joins import HEADER, NOW, WORDS, assert_two, numbers, told, words
from tests.support.exchange_world import ringtrace
from tests.support.run_pipeline import complaint, jsonl, run
from tests.support.script_texts import SCRIPT, own

BURST = [f"+1877555{number:04d}" for number in (141, 267, 372)]

TEXT = (
    "the rival call centre took all my savings and laughed at me when I asked them to give "
    "anything back so everybody should report these numbers to the police right now please"
)


def honest():
    """Twelve people who tell of one ring, each on a day and in words of their own."""
    return [told(20 + number, numbers(0)[number % 2 :][:3], f"v{number}") for number in range(12)]


def burst(count=50, named=BURST, **changes):
    return [
        complaint(
            100 + number,
            received_at=f"2026-04-21T10:30:{number % 60:02d}Z",
            victim_id=f"fake-{number}",
            narrative=TEXT,
            phone_numbers=[{"raw": one, "role": "callback"} for one in named],
            claimed_brand="Amazon",
        )
        | changes
        for number in range(count)
    ]


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv(key_store.HOME_VARIABLE, str(tmp_path / "home"))

    def make(rows, name="run", *flags):
        path = jsonl(tmp_path / f"{name}.jsonl", rows)
        run(tmp_path / name, "--complaints", path, "--now", "2026-04-22T00:00:00Z", *flags)
        return tmp_path / name

    return make


def cluster_of(run_folder, number):
    members = tables.read_table(run_folder, MEMBERS).to_pylist()
    of = {one["entity_id"]: one for one in members}
    member = of[f"phone:{number}"]
    where = pc.field("cluster_id") == member["cluster_id"]
    (row,) = tables.read_table(run_folder, CLUSTERS, where=where).to_pylist()
    return row, member


def test_a_burst_with_one_text_neither_ranks_first_nor_leaves(made, tmp_path):
    found = made([*honest(), *burst()])
    fake, member = cluster_of(found, BURST[0])
    ring, own = cluster_of(found, numbers(0)[1])
    assert {"burst", "same_text"} <= set(fake["flags"])
    assert not {"burst", "same_text"} & set(ring["flags"])
    assert fake["reporters"] == 50  # the count itself stays
    assert fake["priority"] < ring["priority"]
    assert fake["confidence"] <= 0.5 < ring["confidence"]
    assert (member["tier"], member["robustness"], own["tier"]) == ("verify", 1, "core")
    out = tmp_path / "all.csv"
    assert ringtrace("export", found, "--all", "--format", "csv", "--output", out) == 0
    assert not any(one in out.read_text(encoding="utf-8-sig") for one in BURST)
    words = ["exchange", "offer", found, "--from", "amazon", "--to", "microsoft"]
    ringtrace(*words, "--output", tmp_path / "offer", *NOW)
    offer = tmp_path / "offer" / "offer.json"
    assert not offer.exists() or not any(one in offer.read_text() for one in BURST)


def test_a_burst_beside_a_ring_adds_no_core_member_and_takes_none_away(made):
    before = made(honest(), "before")
    after = made([*honest(), *burst(named=[numbers(0)[1], *BURST[:1]])], "after")
    _, member = cluster_of(after, BURST[0])
    assert member["tier"] == "verify"
    core = pc.field("tier") == "core"
    assert tables.read_table(after, MEMBERS, where=core)["entity_id"].equals(
        tables.read_table(before, MEMBERS, where=core)["entity_id"]
    )


def test_people_with_words_or_days_of_their_own_all_count(made):
    days = [{"received_at": f"2026-04-{10 + number}T10:30:00Z"} for number in range(6)]
    rows = [one | day for one, day in zip(burst(6), days, strict=True)]
    for name, changes in {
        "days": {},
        "losses": {"loss_amount": "10.00", "loss_currency": "USD"},
        "wordless": {"narrative": None},
    }.items():
        fake, member = cluster_of(made([one | changes for one in rows], name), BURST[0])
        assert not {"burst", "same_text"} & set(fake["flags"]), name
        assert (member["tier"], member["robustness"]) == ("core", 6), name
    few = [one | {"narrative": words(number)} for number, one in enumerate(burst(4))]
    fake, member = cluster_of(made([*honest(), *few], "few"), BURST[0])
    assert "burst" not in fake["flags"] and member["robustness"] == 4


VARIED = {
    "no narrative": lambda number, draw: {"narrative": None},
    "an empty narrative": lambda number, draw: {"narrative": " "},
    "words of their own": lambda number, draw: {"narrative": words(7 * number)},
    "texts and none": lambda number, draw: {
        "narrative": (None, "", TEXT, words(number))[number % 4]
    },
    "a loss each": lambda number, draw: {
        "narrative": words(7 * number),
        "loss_amount": str(90_000 + number),
        "loss_currency": "USD",
    },
    "over half a day": lambda number, draw: {
        "narrative": None,
        "received_at": f"2026-04-21T{draw.randrange(12):02d}:{draw.randrange(60):02d}:00Z",
    },
    "over a day, with words": lambda number, draw: {
        "narrative": words(7 * number),
        "received_at": f"2026-04-21T{draw.randrange(24):02d}:{draw.randrange(60):02d}:00Z",
    },
    "two organisations": lambda number, draw: {
        "narrative": words(7 * number),
        "source_org": ("amazon", "microsoft")[number % 2],
    },
    "all of it": lambda number, draw: {
        "narrative": (None, words(number))[number % 2],
        "source_org": ("amazon", "microsoft")[number // 2 % 2],
        "received_at": f"2026-04-21T{draw.randrange(24):02d}:{draw.randrange(60):02d}:00Z",
        "loss_amount": str(90_000 + number),
        "loss_currency": "USD",
    },
}
"""The complaints of a liar of each kind, by their number and a source of chance."""


def call_of(one):
    return {
        "call_id": f"call-{one['complaint_id']}",
        "source_org": one["source_org"],
        "started_at": one["received_at"],
        "duration_seconds": 60,
        "direction": "outbound",
        "calling_number": "+12125550101",
        "called_number": one["phone_numbers"][0]["raw"],
        "victim_id": one["victim_id"],
        "complaint_id": one["complaint_id"],
    }


@pytest.mark.parametrize("calls", [False, True], ids=["", "with calls"])
@pytest.mark.parametrize("how", VARIED)
def test_fifty_of_a_day_neither_rank_first_nor_leave_whatever_they_say(made, tmp_path, how, calls):
    draw = Random(how)
    rows = [one | VARIED[how](number, draw) for number, one in enumerate(burst())]
    flags = ["--calls", jsonl(tmp_path / "calls.jsonl", map(call_of, rows))] if calls else []
    found = made([*honest(), *rows], "run", *flags)
    fake, _ = cluster_of(found, BURST[0])
    ring, own = cluster_of(found, numbers(0)[1])
    assert "burst" in fake["flags"] and "burst" not in ring["flags"] and fake["reporters"] == 50
    assert fake["priority"] < ring["priority"]
    parts = {one["part"]: one["value"] for one in fake["priority_parts"]}
    assert parts["companies"] == parts["losses"] == 0
    assert fake["confidence"] <= 0.5 < ring["confidence"] and own["tier"] == "core"
    assert not leaving(found, tmp_path) & {f"phone:{one}" for one in BURST}


@pytest.mark.parametrize("kind", ["review", "confirm"])
def test_what_an_analyst_reviewed_of_a_days_burst_leaves_and_the_rest_does_not(
    made, tmp_path, kind
):
    rows = [one | VARIED["words of their own"](number, None) for number, one in enumerate(burst())]
    before = made([*honest(), *rows], "before")
    decisions = tmp_path / "decisions.csv"
    row = f"D-1,{kind},phone:{BURST[0]},,Ada,looked at,{NOW[1]},"
    decisions.write_text(f"{HEADER}\n{row}\n")
    after = made([*honest(), *rows], "after", "--previous", before, "--decisions", decisions)
    for at, (tier, robustness) in enumerate([("core", 50), ("verify", 1), ("verify", 1)]):
        _, member = cluster_of(after, BURST[at])
        assert (member["tier"], member["robustness"]) == (tier, robustness)
    assert leaving(after, tmp_path) & {f"phone:{one}" for one in BURST} == {f"phone:{BURST[0]}"}


def test_a_confirm_of_which_nobody_saw_the_run_frees_no_burst_but_what_it_names(made, tmp_path):
    """Without --previous a typed row is bound to the run at hand, and so it is in later ones."""
    rows = [one | VARIED["words of their own"](number, None) for number, one in enumerate(burst())]
    decisions = tmp_path / "decisions.csv"
    decisions.write_text(f"{HEADER}\nD-1,confirm,phone:{BURST[0]},,Ada,looked at,{NOW[1]},\n")
    bound = made([*honest(), *rows], "bound", "--decisions", decisions)
    later = made([*honest(), *rows], "later", "--decisions", decisions, "--previous", bound)
    for found in (bound, later):
        for at, (tier, robustness) in enumerate([("core", 50), ("verify", 1), ("verify", 1)]):
            _, member = cluster_of(found, BURST[at])
            assert (member["tier"], member["robustness"]) == (tier, robustness)
        out = leaving(found, tmp_path) & {f"phone:{one}" for one in BURST}
        assert out == {f"phone:{BURST[0]}"}


def test_a_days_burst_welds_no_rings_beside_which_it_names_them(made, tmp_path):
    """Twelve honest people a ring, and thirty of one day who name both."""
    two = [
        told(n, numbers(ring)[n % 2 :][:3], f"r{ring}-{n}") for ring in (0, 1) for n in range(12)
    ]
    two = [one | {"complaint_id": f"r{n}"} for n, one in enumerate(two)]
    both = [*numbers(0)[:2], *numbers(1)[:2]]
    rows = [one | {"narrative": words(7 * n)} for n, one in enumerate(burst(30, both))]
    found = made([*two, *rows])
    ring, member = cluster_of(found, numbers(0)[0])
    assert {"burst", "thin"} <= set(ring["flags"]) and ring["weakest_cut"] < 8
    assert member["tier"] == "core"
    out = tmp_path / "offer"
    flags = ["exchange", "offer", found, "--from", "amazon", "--to", "microsoft", "--output", out]
    assert ringtrace(*flags, *NOW) == 0
    offered = json.loads((out / "offer.json").read_text())["entities"]
    assert_two({one["entity_id"]: one["cluster"] for one in offered})


def leaving(run_folder, tmp_path):
    """The numbers that leave by value in exports and in an offer."""
    out, found = tmp_path / "out", set()
    for kind in ("csv", "graphml", "gexf"):
        assert ringtrace("export", run_folder, "--all", "--format", kind, "--output", out) == 0
        found |= numbers_in(out.read_text(encoding="utf-8-sig"))
        out.unlink()
    flags = ["exchange", "offer", run_folder, "--from", "amazon", "--to", "microsoft"]
    ringtrace(*flags, "--output", tmp_path / "offer", *NOW)
    offer = tmp_path / "offer" / "offer.json"
    return found | (numbers_in(offer.read_text()) if offer.exists() else set())


def numbers_in(text):
    return {f"phone:{one}" for one in [*BURST, *numbers(0)] if one in text}


@pytest.mark.parametrize(
    "changes",
    [
        {"narrative": "they took my savings 4417"},
        {"loss_amount": "0.00", "loss_currency": "USD"},
        {"occurred_at": True},
        {"channel": True},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_costs_a_liar_nothing_frees_no_burst(made, changes):
    """Few words, a loss of nothing, a date that is only stated, several channels."""

    def of(number):
        stated = {
            "occurred_at": f"2026-04-{1 + number % 20:02d}T10:00:00Z",
            "channel": ("web", "email")[number % 2],
        }
        return changes | {name: stated[name] for name in stated if name in changes}

    rows = [one | of(number) for number, one in enumerate(burst())]
    found = made([*honest(), *rows])
    fake, member = cluster_of(found, BURST[0])
    ring, _ = cluster_of(found, numbers(0)[1])
    assert {"burst", "same_text"} <= set(fake["flags"])
    assert fake["priority"] < ring["priority"] and fake["confidence"] == 0.5
    assert (member["tier"], member["robustness"]) == ("verify", 1)


def test_copies_of_two_texts_or_days_count_as_many_as_these(made):
    """Senders of a copy of two texts each, or one on two days each, are no more than two people."""
    other = " ".join(reversed(TEXT.split()))
    texts = [*burst(), *(one | {"complaint_id": f"d{n}", "narrative": other}
                         for n, one in enumerate(burst()))]  # fmt: skip
    days = [*burst(), *(one | {"complaint_id": f"d{n}", "received_at": "2026-04-10T10:30:00Z"}
                        for n, one in enumerate(burst()))]  # fmt: skip
    wordless = [*burst(), *(one | {"complaint_id": f"d{n}", "narrative": "they lied"}
                            for n, one in enumerate(burst()))]  # fmt: skip
    for name, rows in {"texts": texts, "days": days, "wordless": wordless}.items():
        fake, _ = cluster_of(made(rows, name), BURST[0])
        assert fake["confidence"] <= 0.75 and fake["reporters"] == 50, name


def test_a_burst_through_two_organisations_is_no_joint_case(made):
    rows = [one | {"source_org": ("amazon", "microsoft")[n % 2]} for n, one in enumerate(burst())]
    fake, _ = cluster_of(made(rows), BURST[0])
    parts = {one["part"]: one["value"] for one in fake["priority_parts"]}
    assert fake["orgs"] == ["amazon", "microsoft"] and parts["companies"] == 0
    assert fake["confidence"] <= 0.75


@pytest.mark.parametrize("came", [False, True])
def test_stated_dates_are_no_days_on_which_three_reported(made, tmp_path, came):
    """Three in one minute, each with words and a date of their own, reach no offer."""
    rows = [
        one
        | {
            "narrative": words(7 * number),
            "occurred_at": f"2026-04-{10 + number}T10:00:00Z",
            "received_at": f"2026-04-{11 + number if came else 21}T10:30:00Z",
        }
        for number, one in enumerate(burst(3))
    ]
    found = made([*honest(), *rows])
    _, member = cluster_of(found, BURST[0])
    assert member["tier"] == "core"
    flags = ["exchange", "offer", found, "--from", "amazon", "--to", "microsoft"]
    assert ringtrace(*flags, "--output", tmp_path / "offer", *NOW) == 0
    assert (BURST[0] in (tmp_path / "offer" / "offer.json").read_text()) is came


@pytest.mark.parametrize("narrative", [TEXT, None], ids=["one text", "no text"])
def test_a_burst_is_the_same_in_any_order(made, narrative):
    rows = [*honest(), *burst(20), *burst(5, named=[numbers(0)[0], BURST[2]], source_org="b")]
    rows = [*rows[:12], *(one | {"narrative": narrative} for one in rows[12:])]
    one, two = made(rows, "one"), made(rows[::-1], "two", "--partitions", "3")
    for table in (CLUSTERS, MEMBERS):
        assert tables.read_table(one, table).equals(tables.read_table(two, table))


def reworded(number):
    """The text with two words of thirty changed, or behind words of its own, and a number."""
    mine, draw = TEXT.split(), Random(number)
    if number % 2:
        return " ".join([*draw.sample(WORDS, 8), *mine])
    for at in draw.sample(range(len(mine)), 2):
        mine[at] = draw.choice(WORDS)
    return " ".join([*mine, str(4000 + 17 * number)])


def test_nearly_equal_texts_count_as_one(made):
    rows = [one | {"narrative": reworded(number)} for number, one in enumerate(burst(30))]
    fake, member = cluster_of(made(rows), BURST[0])
    assert {"burst", "same_text"} <= set(fake["flags"])
    assert (member["tier"], member["robustness"]) == ("verify", 1)


def test_copies_of_an_honest_text_that_quotes_a_script_count_as_one(made):
    quoting = [
        told(20 + n, [numbers(0)[n % 4], numbers(0)[(n + 1) % 4]], f"v{n}")
        | {"narrative": f"{own(n, 2 + n % 6)} {SCRIPT} {own(n)}"}
        for n in range(12)
    ]
    copies = burst(6, narrative=f"{own(99)} {SCRIPT} {own(98)}")
    run_folder = made([*quoting, *copies])
    fake, member = cluster_of(run_folder, BURST[0])
    assert "same_text" in fake["flags"] and member["robustness"] == 1
    ring, member = cluster_of(run_folder, numbers(0)[0])
    assert "same_text" not in ring["flags"] and member["robustness"] > 2


def test_pseudonyms_who_send_one_text_often_are_one_too(made):
    rows = [*burst(6), *burst(6)]
    rows = [one | {"complaint_id": f"c{number}"} for number, one in enumerate(rows)]
    fake, member = cluster_of(made(rows), BURST[0])
    assert "same_text" in fake["flags"]
    assert (fake["confidence"], member["robustness"]) == (0.5, 1)


ACCOUNT = {"method": "bank", "payee": "GB33BUKB20201555555555"}

ACCOUNT_ID = "account:iban:GB33BUKB20201555555555"


def rings_and_lies(lies):
    """Six people name a ring's account beside its numbers; the lies, beside others' numbers."""
    rows = [told(10 * ring + n, numbers(ring)[n % 2 :][:3], f"r{ring}-{n}") for ring in range(4)
            for n in range(8)]  # fmt: skip
    rows[:6] = [one | {"payments": [ACCOUNT]} for one in rows[:6]]
    beside = [numbers(ring)[n] for n in range(4) for ring in (1, 2, 3)]
    return [
        *rows,
        *(
            told(40 + n, [one], f"liar-{n}") | {"payments": [ACCOUNT]} | lies
            for n, one in enumerate(beside)
        ),
    ]


def account_of(run_folder):
    where = pc.field("entity_id") == ACCOUNT_ID
    (row,) = tables.read_table(run_folder, ENTITIES, where=where).to_pylist()
    return row["status"], row["reason"]


def test_one_text_in_one_minute_makes_no_hub_and_others_are_counted(made):
    minute = {"received_at": "2026-04-21T10:30:00Z", "narrative": TEXT}
    assert account_of(made(rings_and_lies(minute), "minute"))[0] == "infrastructure"
    person = {"victim_id": "liar-0"}
    assert account_of(made(rings_and_lies(person), "person"))[0] == "infrastructure"
    status, reason = account_of(made(rings_and_lies({}), "twelve"))
    assert (status, reason) == (
        "suppressed",
        "hub: 67% of its links go outside its main cluster; linked by 18 reporters, seen in 18 "
        "complaints",
    )


@pytest.mark.parametrize("kind", ["must_link", "legitimate"])
def test_an_analyst_outweighs_what_makes_a_hub(made, tmp_path, kind):
    decisions = tmp_path / "decisions.csv"
    other = f"phone:{numbers(0)[1]}" if kind == "must_link" else ""
    row = f"D-1,{kind},{ACCOUNT_ID},{other},Ada,looked at,{NOW[1]},"
    decisions.write_text(f"{HEADER}\n{row}\n")
    found = made(rings_and_lies({}), "run", "--decisions", decisions)
    status, reason = account_of(found)
    assert "hub" not in reason
    if kind == "legitimate":
        assert status == "suppressed"
    else:
        assert status == "infrastructure"
        assert ACCOUNT_ID in tables.read_table(found, MEMBERS)["entity_id"].to_pylist()
