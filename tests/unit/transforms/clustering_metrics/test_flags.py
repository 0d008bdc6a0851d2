from transforms.clustering_metrics import HubFlags, score_hub_flags


def test_precision_counts_what_serves_two_and_recall_what_serves_three():
    holders = {"a": 2, "b": 3, "c": 120, "d": 5}
    found = score_hub_flags(["a", "b", "x"], holders, ["a", "b", "c", "x"])
    assert found == HubFlags(flagged=3, right=2, wanted=2, found=1)
    assert (found.precision, found.recall) == (2 / 3, 1 / 2)


def test_nothing_is_right_about_nothing():
    assert score_hub_flags([], {}, []) == HubFlags(0, 0, 0, 0)
    assert (score_hub_flags([], {}, []).precision, score_hub_flags([], {}, []).recall) == (1, 1)
