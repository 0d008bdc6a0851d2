"""The shown counts reveal no hidden count to a reader who knows the rule, or by algebra."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import linprog

from reports.victim_counts import NOTHING_DISCLOSED, disclose_counts

COUNTRIES = ("AU", "CA", "DE", "US")


def key(table, k):
    seen = disclose_counts(table, k)
    return tuple((country.country, country.victims) for country in seen.countries), seen.elsewhere


@pytest.mark.parametrize("k", [3, 4])
def test_whoever_knows_the_rule_and_tries_every_table_learns_no_hidden_count(k):
    """Groups all tables of three countries and the rest of the world by their shown part.

    Victims of an unknown country stand for the rest of the world.
    """
    most, world = 2 * k + 2, 4 * k + 4
    tables = defaultdict(list)
    for counts in product(range(most + 1), repeat=3):
        for unknown in range(world + 1):
            table = dict(zip(COUNTRIES, counts, strict=False)) | {None: unknown}
            # The attacker knows the total too: the evidence adds up to it.
            tables[key(table, k), sum(counts) + unknown].append(counts)
    hidden = 0
    for ((countries, elsewhere), total), tables_alike in tables.items():
        named = {country for country, _ in countries}
        possible = np.array(tables_alike)
        for place, country in enumerate(COUNTRIES[:3]):
            if country in named or total > world:
                continue
            low, high = possible[:, place].min(), possible[:, place].max()
            if elsewhere is None:
                # Nothing is shown, and nothing is known but the total.
                assert (low, high) == (0, min(total, most))
            elif high:
                hidden += 1
                assert high - low > k, (countries, elsewhere, country, low, high)
    assert hidden > 50


tables = st.dictionaries(
    st.sampled_from([*COUNTRIES, "ES", "GB", "IN", None]), st.integers(0, 40), max_size=8
)


@given(tables, st.integers(3, 9))
def test_linear_programming_bounds_every_hidden_cell_wider_than_k(table, k):
    seen = disclose_counts(table, k)
    if seen.elsewhere is None:
        return
    named = {country.country: country.victims for country in seen.countries}
    hidden = sorted(c for c, n in table.items() if n and c is not None and c not in named)
    if not hidden:
        return
    unknowns = [*hidden, None]
    ones = np.ones((1, len(unknowns)))
    for start in range(len(hidden)):
        goal = np.zeros(len(unknowns))
        goal[start] = 1
        low, high = (
            sign * linprog(sign * goal, A_eq=ones, b_eq=[seen.elsewhere]).fun for sign in (1, -1)
        )
        assert high - low > k


@given(tables, st.integers(3, 9))
def test_what_is_shown_is_true(table, k):
    seen = disclose_counts(table, k)
    if seen == NOTHING_DISCLOSED:
        return
    for country in seen.countries:
        assert country.victims == table[country.country] >= k
    assert sum(country.victims for country in seen.countries) + seen.elsewhere == sum(
        table.values()
    )
    assert seen.elsewhere == 0 or seen.elsewhere >= k


@given(tables, st.integers(3, 9))
def test_nothing_small_is_hidden_for_nothing(table, k):
    if sum(table.values()) >= 2 * k and all(n == 0 or n >= k for n in table.values()):
        named = {country.country for country in disclose_counts(table, k).countries}
        assert named == {c for c, n in table.items() if n and c is not None}
