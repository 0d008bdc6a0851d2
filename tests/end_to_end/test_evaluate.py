"""Evaluation: scores over the truth, harm counts, and refusals that say what is wrong."""

import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from pipelines.cli import main
from pipelines.commands import evaluate
from pipelines.commands.evaluate import splink_clusters
from schemas.cluster import LINK, MEMBER
from schemas.entity import ENTITY
from schemas.enums import Review, Tier
from schemas.extras import install_command
from tests.support.examples import draws
from tests.support.run_pipeline import (
    callbacks,
    complaint,
    execute,
    jsonl,
    refusal_of,
    ringtrace,
    run as batch,
)
from transforms.extract import allowlist
from transforms.graph import SPLINK_THRESHOLD, baseline_clusterings, match_probability

KNOWN = allowlist.parse_allowlist("entity_id,reason\n+18008291040,IRS\n", "known.csv")


def members(clusters):
    rows = [
        {"entity_id": entity_id, "cluster_id": cluster} for entity_id, cluster in clusters.items()
    ]
    return pa.Table.from_pylist(
        rows, pa.schema([("entity_id", pa.string()), ("cluster_id", pa.string())])
    )


def test_missing_ones_stand_alone_and_cost_recall():
    truth = {"a": "r1", "b": "r1", "c": "r1", "d": "r1"}
    result = evaluate.evaluate(members({"a": "x", "b": "x"}), truth, evaluate.HarmLists(KNOWN))
    assert result.missing == 2
    assert result.agreement.bcubed.precision == 1
    assert result.agreement.bcubed.recall == pytest.approx((2 / 4 + 2 / 4 + 1 / 4 + 1 / 4) / 4)
    assert result.agreement.pairwise.recall == pytest.approx(1 / 6)


def test_unknown_members_are_counted_and_not_judged():
    result = evaluate.evaluate(
        members({"a": "x", "q": "x", "z": "y"}), {"a": "r1"}, evaluate.HarmLists(KNOWN)
    )
    assert result.unjudged == 2
    assert result.agreement.bcubed.f1 == 1


def test_harms():
    table = members({"phone:+18008291040": "x", "v": "x", "i": "x", "j": "alone"})
    result = evaluate.evaluate(table, {"v": "r"}, evaluate.HarmLists(KNOWN, ["v", "w"], ["i", "j"]))
    assert (result.harm.known_legitimate, result.harm.victim_side, result.harm.innocent) == (
        1,
        1,
        1,
    )


def tiered(rows):
    """Members with their tiers: (entity, cluster, robustness, near_miss_of, reviewed)."""
    columns = "entity_id cluster_id robustness near_miss_of tier review".split()
    made = []
    for entity, cluster, robustness, near, reviewed in rows:
        tier = Tier.CORE if robustness >= 2 and near is None else Tier.VERIFY
        review = Review.REVIEWED if reviewed else Review.UNREVIEWED
        made.append((entity, cluster, robustness, near, str(tier), str(review)))
    return pa.table(dict(zip(columns, map(list, zip(*made, strict=True)), strict=True)))


TIERED = [
    ("a", "x", 3, None, True),
    ("b", "x", 2, None, False),
    ("c", "x", 1, None, True),
    ("d", "x", 2, "a", True),
    ("e", "y", 2, None, True),
    ("wrong", "x", 2, None, False),
    ("slip", "x", 1, "a", True),
    ("own", "y", 1, None, False),
]

TRUTH = dict.fromkeys("abcd", "r1") | dict.fromkeys("ef", "r2")


def test_harm_counts_near_misses_and_the_unreviewed_by_tier():
    result = evaluate.evaluate(
        tiered(TIERED), TRUTH, evaluate.HarmLists(KNOWN, ["own"], ["wrong"], ["slip"])
    )
    assert (
        result.harm.innocent,
        result.harm.near_miss,
        result.harm.victim_side,
        result.harm.unreviewed,
    ) == (1, 1, 1, 3)
    core, reviewed = result.tiers.core_harm, result.tiers.reviewed_harm
    assert (core.innocent, core.near_miss, core.victim_side, core.unreviewed) == (1, 0, 0, 2)
    assert (reviewed.innocent, reviewed.near_miss, reviewed.unreviewed) == (0, 0, 0)


def test_an_innocent_alone_in_its_cluster_is_harm_only_where_it_may_leave():
    rows = [("a", "x", 2, None, True), ("wrong", "z", 2, None, True)]
    result = evaluate.evaluate(
        tiered(rows), TRUTH, evaluate.HarmLists(KNOWN, None, ["wrong"], ["wrong"])
    )
    assert (result.harm.innocent, result.harm.near_miss) == (0, 0)
    assert (result.tiers.core_harm.innocent, result.tiers.reviewed_harm.near_miss) == (1, 1)


def test_precision_and_recall_by_tier():
    tiers = evaluate.evaluate(
        tiered(TIERED), TRUTH, evaluate.HarmLists(KNOWN, [], ["wrong"], ["slip"])
    ).tiers
    assert (tiers.core.members, tiers.core.true, tiers.reviewed.members) == (4, 3, 2)
    # a and b stand with an identifier of no ring, which has two wrong peers; e stands alone.
    assert tiers.core.precision == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 / 3) / 4)
    assert tiers.core.recall == pytest.approx(3 / 6)
    assert tiers.core.bcubed_recall == pytest.approx((2 / 4 + 2 / 4 + 1 / 4 * 2 + 1 / 2 * 2) / 6)
    assert tiers.reviewed.precision == 1


def test_the_cost_of_each_rule_is_apart():
    costs = evaluate.evaluate(tiered(TIERED), TRUTH, evaluate.HarmLists(KNOWN)).tiers.costs
    lost = list(costs.values())
    assert list(costs) == ["robustness", "near_miss", "status", "review"]
    assert [cost.identifiers for cost in lost] == [1, 1, 0, 1]
    assert [cost.recall for cost in lost] == pytest.approx([1 / 6, 1 / 6, 0, 1 / 6])
    in_all = (4 / 4 * 4 + 1 / 2 * 2) / 6
    reviewed = evaluate.evaluate(
        tiered(TIERED), TRUTH, evaluate.HarmLists(KNOWN)
    ).tiers.reviewed.bcubed_recall
    assert sum(cost.bcubed_recall for cost in lost) == pytest.approx(in_all - reviewed)


def test_a_run_without_tiers_has_no_scores_by_tier():
    result = evaluate.evaluate(members({"a": "x"}), TRUTH, evaluate.HarmLists(KNOWN))
    assert result.tiers is None
    assert result.harm.unreviewed is None


def test_empty_run():
    result = evaluate.evaluate(members({}), {"a": "r", "b": "r"}, evaluate.HarmLists(KNOWN))
    assert (result.missing, result.clusters) == (2, 0)


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run" / "members"
    folder.mkdir(parents=True)
    row = {"role": "callback", "confidence": 1.0, "bridge": False, "reporters": 2}
    row |= {"robustness": 2, "tier": "core", "review": "unreviewed"}
    ids = {"phone:+18005550100": "x", "phone:+18005550101": "x"}
    rows = [
        {**row, "entity_id": entity_id, "cluster_id": cluster} for entity_id, cluster in ids.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows, MEMBER), folder / "part-0.parquet")
    (tmp_path / "truth.csv").write_text(
        "entity_id,operation\nphone:+18005550100,r1\nphone:+18005550101,r1\n"
    )
    return tmp_path


def call(*arguments):
    return ringtrace("evaluate", *map(str, arguments))


def test_prints_plain_lines(run_folder):
    assert "B-cubed F1\t1.0000\n" in execute(call, run_folder / "run", run_folder / "truth.csv").out


def test_prints_json(run_folder):
    victims = run_folder / "victims.csv"
    victims.write_text("entity_id,reason\nphone:+18005550101,own\n")
    files = ["--victims", victims, "--innocents", victims, "--known-legitimate", victims]
    files += ["--near-misses", victims]
    report = json.loads(
        execute(call, run_folder / "run", run_folder / "truth.csv", "--json", *files).out
    )
    assert report["agreement"]["bcubed"]["f1"] == 1
    assert report["victim_side"] == report["known_legitimate"] == report["innocent"] == 1
    assert report["near_miss"] == 1
    assert report["tiers"]["core"]["members"] == report["unreviewed"] == 2
    assert report["tiers"]["reviewed_harm"]["innocent"] == 0
    assert report["tiers"]["costs"]["review"]["recall"] == 1


@pytest.mark.parametrize(
    ("paths", "text", "message"),
    [
        ("run bad.csv", "entity_id,operation\na\n", "row 2: has another number of cells"),
        ("run bad.csv", "entity_id,operation\na,b\na,c\n", "a is in two operations"),
    ],
)
def test_refusals_are_one_line(run_folder, paths, text, message):
    run, truth = paths.split()
    if text is not None:
        (run_folder / truth).write_text(text)
    error = refusal_of(call, run_folder / run, run_folder / truth)
    assert message in error


def test_baselines_and_survival_are_reported(tmp_path, capfd):
    rows = [
        complaint(
            n,
            victim_id=f"v{n}",
            phone_numbers=callbacks("+1 888 555 0100"),
            emails=["pay@amzn-refund.support"],
        )
        for n in range(3)
    ]
    batch(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows))
    capfd.readouterr()
    truth = tmp_path / "truth.csv"
    ids = ("phone:+18885550100", "email:pay@amzn-refund.support")
    truth.write_text("entity_id,operation\n" + "".join(f"{entity_id},r1\n" for entity_id in ids))
    words = ["evaluate", str(tmp_path / "run"), str(truth), "--baselines"]
    words += ["--previous", str(tmp_path / "run")]
    assert ringtrace(*words, "--json") == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["survival"] == {"operations": 1, "kept": 1}
    assert printed["intervals"]["bcubed"] == [1.0, 1.0]
    assert [score["bcubed"]["f1"] for score in printed["baselines"].values()] == [1.0] * 4
    assert main(words) == 0
    text = capfd.readouterr().out
    assert "baseline components: B-cubed F1, pairwise F1\t1.0000, 1.0000" in text
    assert "  of these with the same id\t1" in text


def test_without_the_package_splink_says_what_to_install(run_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    printed = ["evaluate", str(run_folder / "run"), str(run_folder / "truth.csv"), "--splink"]
    links = pa.Table.from_pylist([], LINK)
    entities = pa.Table.from_pylist([], ENTITY)
    for name, table in (("links", links), ("entities", entities)):
        (run_folder / "run" / name).mkdir()
        pq.write_table(table, run_folder / "run" / name / "part-0.parquet")
    assert refusal_of(*printed) == f"--splink needs Splink: {install_command('splink')}\n"


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda ends: ends[0] < ends[1]),
        st.sampled_from([0.1, 0.5, 1.0, 1.5, 2.0]),
        max_size=20,
    )
)
@draws(10)
def test_splink_itself_finds_what_its_rule_finds(links):
    ends = np.array(sorted(links), np.int64).reshape(-1, 2)
    weight = np.array([links[tuple(pair)] for pair in ends.tolist()])
    a, b = ends[:, 0], ends[:, 1]
    rule = dict(baseline_clusterings(a, b, weight, 12))["components of likely pairs, as Splink"]
    itself = splink_clusters(a, b, match_probability(weight), 12, SPLINK_THRESHOLD)
    assert (rule[:, None] == rule).tolist() == (itself[:, None] == itself).tolist()


def test_hubs_are_judged(tmp_path, capfd):
    """One line that victims of four rings call, and a list that says so."""
    rows = []
    for number in range(120):
        ring = number % 4
        raws = [f"+188855501{10 * ring + number // 4 % 3:02}", f"+188855501{10 * ring + 5:02}"]
        if number % 5 == 0:
            raws.append("+18885550199")
        named = callbacks(*raws)
        rows.append(complaint(number, victim_id=f"v{number}", phone_numbers=named))
    run = tmp_path / "run"
    batch(run, "--complaints", jsonl(tmp_path / "rows.jsonl", rows))
    truth, hubs = tmp_path / "truth.csv", tmp_path / "hubs.csv"
    truth.write_text("entity_id,operation\nphone:+18885550100,r0\n")
    hubs.write_text("entity_id,holders\nphone:+18885550199,4\nphone:+18885550177,9\n")
    assert ringtrace("evaluate", run, truth, "--hubs", hubs, "--json") == 0
    printed = json.loads(capfd.readouterr().out)["hubs"]
    assert printed == {
        "flagged": 1, "right": 1, "wanted": 1, "found": 1, "precision": 1.0, "recall": 1.0
    }  # fmt: skip
    assert ringtrace("evaluate", run, truth, "--hubs", hubs) == 0
    assert "called a hub\t1\n" in capfd.readouterr().out
    hubs.write_text("entity_id,holders\nphone:+1,many\n")
    assert ringtrace("evaluate", run, truth, "--hubs", hubs) == 2
    assert "row 2: field holders is not a number of operations" in capfd.readouterr().err


def test_harm_is_counted_by_attacker(tmp_path):
    aims = [
        "wrong,friends,name,",
        "slip,friends,name,",
        "b,ring,hide,",
        "nowhere,ring,hide,",
        "a,welders,weld,b",
        "a,welders,weld,e",
    ]
    path = tmp_path / "attackers.csv"
    path.write_text("\n".join(["entity_id,attacker,aim,other", *aims]) + "\n")
    harm = evaluate.harm_by_attacker(tiered(TIERED), path)
    assert harm == {
        "friends": evaluate.AttackerHarm(tried=2, cluster=2, core=1, reviewed=0),
        "ring": evaluate.AttackerHarm(tried=2, cluster=1, core=1, reviewed=0),
        "welders": evaluate.AttackerHarm(tried=2, cluster=1, core=1, reviewed=0),
    }
