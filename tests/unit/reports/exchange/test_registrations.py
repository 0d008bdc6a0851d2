"""Files of registration dates: what a row must be, and which sites it makes young."""

from datetime import UTC, date, datetime

import pytest

from reports.exchange.registrations import is_young, parse_registrations
from schemas.records import RecordError

HEAD = "domain,registered\n"


def test_a_day_counts_for_the_domain_and_the_addresses_at_it():
    known = parse_registrations(f"{HEAD}Lakeside-Clinic.ORG,2026-01-31\n", "days.csv")
    assert known == {"domain:lakeside-clinic.org": date(2026, 1, 31)}
    first = datetime(2026, 5, 1, tzinfo=UTC)
    for entity_id in ("domain:lakeside-clinic.org", "email:a@lakeside-clinic.org#2"):
        assert is_young(entity_id, first, known)
        assert not is_young(entity_id, datetime(2026, 5, 2, tzinfo=UTC), known)
    assert not is_young("domain:other.org", first, known)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("site,day\n", "days.csv: the first line must be domain,registered"),
        (f"{HEAD}x.org\n", "days.csv, row 2: has another number of cells"),
        (f"{HEAD}x.org,yesterday\n", "days.csv, row 2: field registered"),
        (f"{HEAD}no domain,2026-01-31\n", "days.csv, row 2: field domain"),
        (f"{HEAD},2026-01-31\n", "days.csv, row 2: field domain"),
    ],
)
def test_a_wrong_file_is_refused_by_its_row_and_field(text, says):
    with pytest.raises(RecordError) as error:
        parse_registrations(text, "days.csv")
    assert str(error.value).startswith(says)
    assert "\n" not in str(error.value)
