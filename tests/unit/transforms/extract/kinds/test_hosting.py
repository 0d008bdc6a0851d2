"""Two tenants of a platform are never one identifier; one is one however its link is written."""

from __future__ import annotations

import base64
import re
import time
import tomllib
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.real_data import ROOT
from transforms.extract.allowlist import shipped_allowlist
from transforms.extract.kinds import domain, url

FILE = tomllib.loads((Path(ROOT) / "transforms/data/hosting.toml").read_text("utf-8"))

RULES = [(row["name"], link) for row in FILE["platform"] for link in row.get("links", ())]

SAMPLES = {
    "byte": ("10", "20"),
    "dashed": ("app-10-1-2-3", "20-1-2-3"),
    "air": ("shrA1b2C3d4E5f6G7", "shrZ1b2C3d4E5f6G7"),
    "blogspot": ("co.uk",) * 2,
    "cid": ("0123456789abcdef", "fedcba9876543210"),
    "digits": ("1234567890", "9876543210"),
    "domain": ("corp.example",) * 2,
    "hex32": ("0123456789abcdef" * 2, "fedcba9876543210" * 2),
    "region": ("eastus-01",) * 2,
    "s3": ("s3.us-west-2",) * 2,
    "tld": ("com",) * 2,
    "word": ("zq-one7", "zq-two8"),
    "zone": ("z01",) * 2,
}
"""For each shape what two tenants have there; places that are nobody's choice are the same."""

CAPTURE = re.compile(r"\{(\w+|\.\.\.)\+?(?::(\w+))?\}|\*")

TRACKED = "utm_source=x&gclid=Cj0KCQ&fbclid=IwAR0&msclkid=a1"


def entity(link: str) -> str | None:
    ids = [match.entity_id for match in url.from_field(link) if match.kind in ("domain", "url")]
    return ids[0] if ids else None


def reread(entity_id: str) -> domain.Tenant | None:
    value = entity_id.partition(":")[2]
    host = re.split("[/?]", value)[0]
    return domain.tenant_of(domain.parse_link(host, value[len(host) :]))


def written(rule: str, which: int) -> str:
    """A link of one of two tenants, by a rule."""

    def fill(piece: re.Match[str]) -> str:
        name, shape = piece.groups()
        if shape:
            return SAMPLES[shape][which]
        if name in ("t", "T"):
            return ("zqone7", "zqtwo8")[which]
        return ("zqone7/a", "zqtwo8/a")[which] if name == "..." else "b7"

    return CAPTURE.sub(fill, rule.partition(" => ")[0])


@pytest.mark.parametrize("platform", {name: None for name, _ in RULES})
def test_tenants_of_every_rule(platform):
    for rule in (link for name, link in RULES if name == platform):
        first, second = (entity(f"https://{written(rule, which)}") for which in (0, 1))
        assert first and second and first != second, rule
        assert reread(first) == domain.Tenant(
            first.partition(":")[2], platform, reread(first).name
        ), rule
        host, _, rest = written(rule, 0).partition("/")
        host, question, query = host.partition("?") if "?" in host else (host, "", "")
        encoded = re.sub("[bq]", lambda c: f"%{ord(c[0]):02x}", rest.partition("?")[0])
        path = f"/{rest}" if rest else ""
        joint = "&" if "?" in f"{path}{question}" else "?"
        again = f"{path}{question}{query}"
        for link in (
            f"HTTPS://{host.upper()}:443{again}",
            f"http://{host}:8443{again}{joint}{TRACKED}#top",
            f"http://user:pw@{host}{again}",
            f"hxxps://{host.replace('.', '[.]')}{again}",
            f"https:\\\\{host}{again}",
            f"//{host}{again}",
            f" \thttps://{host}{again} ",
            *([] if "?" in again else [f"https://{host}{again}/", f"https://{host}/{encoded}"]),
        ):
            assert entity(link) == first, (rule, link)


@pytest.mark.parametrize("platform", {name: None for name, _ in RULES})
def test_nobody_is_named_by_what_tenants_share(platform):
    for rule in (link for name, link in RULES if name == platform):
        host = re.split(r"[/?]", written(rule, 0))[0]
        labels = re.split(r"[/?]", rule.partition(" => ")[0])[0].split(".")
        holder = [n for n, label in enumerate(labels) if re.search(r"\{t\W", label)]
        whole = entity(f"https://{written(rule, 0)}")
        if not holder:
            shared = [host, f"www.{host}"]
        else:
            parts = host.split(".")
            size = len(labels) - 1 - holder[0]
            fixed = ".".join(written(".".join(labels[holder[0] + 1 :]), 0).split("."))
            shared = [fixed] if size > 1 and "*" not in labels[holder[0] + 1] else []
            shared += [] if parts[-2:] == fixed.split(".") else [".".join(parts[-2:])]
        for shared_host in shared:
            named = entity(f"https://{shared_host}/")
            assert named != whole, (rule, shared_host)
            if named is not None:
                # A host of a platform that has a tenant's form, as `maps.app.goo.gl` has.
                assert domain.is_on_hosting_platform(shared_host) or domain.platform_of(
                    named[7:]
                ), rule


def test_the_private_part_of_the_list():
    for suffix in domain.private_suffixes():
        if suffix.startswith("!"):
            continue
        base = suffix.replace("*.", "zq7.")
        first, second = (entity(f"https://{name}.{base}/x") for name in ("zqone7", "zqtwo8"))
        assert first and second and first != second, suffix
        labels = suffix.split(".")
        for n in range(suffix.startswith("*."), len(labels) - 1):
            assert entity(f"https://{'.'.join(labels[n:])}/") is None, suffix


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("oops1x.z13.web.core.windows.net/a?b", "domain:oops1x.z13.web.core.windows.net"),
        ("x.eastus.cloudapp.azure.com", "domain:x.eastus.cloudapp.azure.com"),
        ("app-a1b2.eastus-01.azurewebsites.net", "domain:app-a1b2.eastus-01.azurewebsites.net"),
        ("n-1.centralus.2.azurestaticapps.net", "domain:n-1.centralus.2.azurestaticapps.net"),
        ("portal.azure.com", None),
        ("b.s3.us-west-2.amazonaws.com/k", "domain:b.s3.amazonaws.com"),
        ("s3.dualstack.eu-west-1.amazonaws.com/b/k", "domain:b.s3.amazonaws.com"),
        ("b.s3-website-us-east-1.amazonaws.com", "domain:b.s3.amazonaws.com"),
        ("s3.amazonaws.com/B", "domain:b.s3.amazonaws.com"),
        ("my.b.s3.amazonaws.com", "domain:my.b.s3.amazonaws.com"),
        ("s3.amazonaws.com", None),
        ("storage.googleapis.com/b/k.html", "domain:b.storage.googleapis.com"),
        ("b.storage.googleapis.com", "domain:b.storage.googleapis.com"),
        ("proj--preview-a1.web.app", "domain:proj.web.app"),
        ("proj.firebaseapp.com/pay", "domain:proj.web.app"),
        ("proj--preview-a1.firebaseapp.com", "domain:proj.web.app"),
        ("feature.worker.pages.dev", "domain:worker.pages.dev"),
        ("sites.google.com/view/x/home?authuser=1", "url:sites.google.com/view/x"),
        ("sites.google.com/a/corp.example/x", "url:sites.google.com/a/corp.example/x"),
        ("docs.google.com/forms/d/e/1FAIp/viewform", "url:docs.google.com/forms/d/e/1FAIp"),
        ("docs.google.com/document/u/1/d/AbC/edit", "url:docs.google.com/document/d/AbC"),
        ("docs.google.com/forms/u/0/", None),
        ("drive.google.com/open?usp=x&id=AbC", "url:drive.google.com/open?id=AbC"),
        ("forms.office.com/pages/responsepage.aspx?ID=AbC&r=1",
         "url:forms.office.com/Pages/ResponsePage.aspx?id=AbC"),
        ("corp-my.sharepoint.com/:w:/g/personal/jo_corp_com/Eab?e=1",
         "url:corp-my.sharepoint.com/personal/jo_corp_com"),
        ("evil.onmicrosoft.com", "domain:evil.onmicrosoft.com"),
        ("www.dropbox.com/scl/fi/AbC/x.pdf?rlkey=1", "url:dropbox.com/scl/fi/AbC"),
        ("www.dropbox.com/login", None),
        ("x.app.link/AbC?gclid=1", "url:x.app.link/AbC"),
        ("bit.ly/AbC;gclid=Cj0", "url:bit.ly/AbC"),
        ("bit.ly/AbC%3Fgclid%3DCj0", "url:bit.ly/AbC"),
        ("bit.ly/am8uZG9lQGhvbWUub3Jn", None),
        ("bit.ly", None),
        ("t.me/joinchat/AbCdEf", "url:t.me/+AbCdEf"),
        ("https://t.me/Scam_Mer/12?x=1", None),
        ("https://sites.google.com./a/../view//x/.", "url:sites.google.com/view/x"),
        ("x.weebly.com", "domain:x.weebly.com"),
        ("www.weebly.com/features", None),
        ("x.blogspot.co.uk", "domain:x.blogspot.com"),
        ("x.blogspot.evil.com", "domain:evil.com"),
        ("windows.net", None),
        ("evil-windows.net", "domain:evil-windows.net"),
    ],
)  # fmt: skip
def test_whose_a_link_is(link, expected):
    assert entity(link) == expected


def test_a_messengers_link_in_a_field_names_its_handle():
    code = "a1B2" * 8
    links = ["https://t.me/Scam_Mer/12", "chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv",
             f"https://signal.me/#eu/{code}"]  # fmt: skip
    assert [[match.entity_id for match in url.from_field(link)] for link in links] == [
        ["handle:telegram:scam_mer"],
        ["handle:whatsapp:AbCdEfGhIjKlMnOpQrStUv"],
        [f"handle:signal:eu/{code}"],
    ]


@pytest.mark.parametrize(
    ("link", "host"),
    [  # as Firefox and Chrome open them; url.spec.whatwg.org, and urltestdata.json of WPT
        (r"https://evil.com\@microsoft.com/x", "domain:evil.com"),
        (r"https://microsoft.com\@evil.com", "domain:microsoft.com"),
        ("http://microsoft.com@evil.com", "domain:evil.com"),
        ("http://a@b@evil.com/", "domain:evil.com"),
        ("http://a:b@c:29/d@evil.com", None),
        ("//@evil.com/x", "domain:evil.com"),
        (f"http://microsoft.com{'a' * 1500}@evil.com/", "domain:evil.com"),
        ("http:evil.com/x", "domain:evil.com"),
        ("http:////evil.com/x", "domain:evil.com"),
        ("http:\\\\evil.com\\x", "domain:evil.com"),
        ("ht\ntp://ev\til.c\r\nom/a\nb", "domain:evil.com"),
        ("http://EVIL%2ecom/", "domain:evil.com"),
        ("http://ｅｖｉｌ。ｃｏｍ", "domain:evil.com"),
        ("http://ev\u00adil.com/", "domain:evil.com"),
        ("http://faß.example.com", "domain:example.com"),
        ("http://0xC6336407/", "ip:198.51.100.7"),
        ("http://3325256711/", "ip:198.51.100.7"),
        ("http://0306.063.0144.07/", "ip:198.51.100.7"),
        ("http://[::ffff:198.51.100.7]/", "ip:198.51.100.7"),
        ("http://evil.com:99999/", "domain:evil.com"),
        ("http://a.b.c.d.e.f.g.h.i.j.k.l.m.evil.com/", "domain:evil.com"),
        ("http://ex ample.com", None),
        ("http://evil.com#@microsoft.com", "domain:evil.com"),
        ("http://evil.com?@microsoft.com/", "domain:evil.com"),
    ],
)
def test_the_host_that_a_browser_opens(link, host):
    hosts = [match.entity_id for match in url.from_field(link) if match.kind != "phone"]
    assert (hosts[0] if hosts else None) == host


@given(st.text(max_size=80), st.sampled_from([written(rule, 0) for _, rule in RULES]))
def test_an_identifier_is_its_own(text, link):
    for written_link in (f"https://{text}", f"{link}{text}", f"{link}/{text}", f"{link}?{text}"):
        for match in url.from_field(written_link):
            if match.kind in ("url", "domain"):
                assert reread(match.entity_id).value == match.value
                assert re.fullmatch(r"[!-~]+", match.value)


def test_time_grows_with_the_text():
    hostile = (
        "http://",
        "a.",
        "a@",
        "%25",
        "/1",
        "\\",
        "x.web.core.windows.net/",
        "1-800-654-0175/",
    )
    for piece in hostile:
        times = []
        for size in (4_000, 12_000):
            text = ("https://" + piece * size)[:size]
            before = time.process_time()
            list(url.find(text, "US"))
            list(url.from_field(text, "US"))
            times.append(time.process_time() - before)
        assert times[1] < 2.0, piece


def test_platforms_of_columns():
    kinds = pa.array(["domain", "url", "phone", "domain", "domain"])
    values = pa.array(["x.pages.dev", "bit.ly/x", "+1", None, "evil.com"])
    assert domain.platforms_of(kinds, values).to_pylist() == [
        "Cloudflare", "bit.ly", None, None, None,
    ]  # fmt: skip


def test_every_row_says_where_it_is_from():
    for row in [*FILE["platform"], *FILE["redirect"], *FILE["click_id"]]:
        assert row["source"].removeprefix("[R] ").startswith("https://")
        assert date.fromisoformat(row["day"])
        assert re.fullmatch("[A-Z]{2}", row.get("country", "US"))
        allowed = {"name", "source", "country", "day", "links", "psl", "own"}
        assert set(row) <= allowed | {"platform", "keys", "code"}


REDIRECTS = [(row.get("code"), link) for row in FILE["redirect"] for link in row["links"]]


def wrapped(code: str | None, rule: str, target: str) -> str:
    """A link that wraps a target by a rule, for a reader whose address stands beside."""
    if code == "proofpoint-2":
        target = quote(target, safe="").replace("-", "%2D").replace("%2F", "_").replace("%", "-")
    elif code == "proofpoint-3":
        target = f"{target}__;!!zq$"
    elif code == "base64":
        target = base64.urlsafe_b64encode(target.encode()).decode().rstrip("=")
    elif code == "translate-goog":
        host, _, path = target.partition("//")[2].partition("/")
        return f"https://{host.replace('-', '--').replace('.', '-')}.translate.goog/{path}"
    elif "?" in rule:
        target = quote(target, safe="")
    link = rule.replace("*", "zq").replace("{x}", "zq").replace("{c:tld}", "com")
    link = link.replace("{i:cache}", "zq").replace("{...}", target)
    return f"https://{link}{'&' if '?' in link else '?'}data=05%7Cjane.roe%40corp.example%7C0"


@pytest.mark.parametrize(("code", "rule"), REDIRECTS)
def test_a_link_that_wraps_another_is_of_whom_the_other_is(code, rule):
    for target, expected in (
        ("https://zq-refund.support/x", "domain:zq-refund.support"),
        ("http://www.zq-refund.support", "domain:zq-refund.support"),
        ("https://sites.google.com/view/zqone", "url:sites.google.com/view/zqone"),
    ):
        link = wrapped(code, rule, target)
        assert entity(link) == expected
        assert {match.entity_id for match in url.find(f"I opened {link} then")} >= {expected}


@pytest.mark.parametrize(("code", "rule"), REDIRECTS)
def test_whoever_wraps_a_link_is_nobodys_site(code, rule):
    host = re.split("[/?]", wrapped(code, rule, "zq"))[2]
    known = shipped_allowlist()
    for link in (f"https://{host}/", f"https://{host}/s/AbC-1", wrapped(code, rule, "%%")):
        if entity_id := entity(link):
            assert known.reasons(pa.array([entity_id])).to_pylist() != [None]


def test_wrappers_in_wrappers_are_taken_off():
    link = "https://zq-refund.support/x"
    for code, rule in (
        (None, "google.com/url?q={...}"),
        ("proofpoint-3", "urldefense.com/v3/__{...}"),
        (None, "*.safelinks.protection.outlook.com?url={...}"),
    ):
        link = wrapped(code, rule, link)
    assert entity(link) == "domain:zq-refund.support"
    for _ in range(50):
        link = wrapped(None, "google.com/url?q={...}", link)
    assert entity(link[:4000]) in ("domain:google.com", None)


LABEL = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABEL.filter(lambda label: "--" not in label), min_size=1, max_size=4))
def test_a_translated_page_is_of_whom_the_page_is(labels):
    host = ".".join([*labels, "zq-refund", "support"])
    copied = host.replace("-", "--").replace(".", "-")
    link = f"https://{copied}.translate.goog/a?_x_tr_sl=en&_x_tr_tl=hi"
    assert entity(link) == entity(f"https://{host}/a")


@pytest.mark.parametrize(
    "copy",
    [
        "https://amazon-com.translate.goog/gp/help?_x_tr_sl=auto&_x_tr_tl=en",
        "https://www-amazon-com.translate.goog/",
        "https://webcache.googleusercontent.com/search?q=cache:Ab1_:https://www.amazon.com/x+help",
        "https://web.archive.org/web/20260102030405/https://www.amazon.com/gp/help",
        "https://www.translatetheweb.com/?from=&to=hi&a=https%3A%2F%2Fwww.amazon.com%2F",
        "https://www-amazon-com.cdn.ampproject.org/c/s/www.amazon.com/gp/help",
        "https://r.jina.ai/https://www.amazon.com/gp/help",
    ],
)
def test_a_copy_of_a_brands_page_is_known_to_be_the_brands(copy):
    assert entity(copy) == "domain:amazon.com"
    assert {match.entity_id for match in url.find(f"I read {copy} there")} == {"domain:amazon.com"}
    assert shipped_allowlist().reasons(pa.array(["domain:amazon.com"])).to_pylist() != [None]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://203-0-113-7.sslip.io/x", "https://203-0-113-8.sslip.io/x"),
        ("https://desk.203.0.113.7.sslip.io/x", "https://desk.203.0.113.8.sslip.io/x"),
        ("https://zqone.temporary.site", "https://zqtwo.temporary.site"),
        ("https://start.page/zqone", "https://start.page/zqtwo"),
        ("https://qr.io/r/zqone", "https://qr.io/r/zqtwo"),
    ],
)
def test_strangers_on_hosts_that_no_list_held_are_two(first, second):
    assert entity(first) != entity(second) and None not in (entity(first), entity(second))
