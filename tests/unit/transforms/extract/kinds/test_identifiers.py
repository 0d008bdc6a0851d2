"""Web addresses, e-mail addresses, remote-access ids, payees, wallets and brands."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.enums import EntityKind, Role
from tests.support.real_data import real
from transforms.extract import impersonation
from transforms.extract.kinds import (
    agent_id,
    crypto_wallet,
    domain,
    email,
    payment_account,
    phone_link,
    remote_access,
    url,
)
from transforms.extract.narrative import load_finders


def ids(matches) -> list[str]:
    return [match.entity_id for match in matches]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://www.amzn-refund.support/a?b", "domain:amzn-refund.support"),
        ("hxxps://amzn-refund[.]support/x", "domain:amzn-refund.support"),
        ("hxxp[:]//login(dot)evil[.]co[.]uk", "domain:evil.co.uk"),
        ("http://amazon.com@evil.com/x", "domain:evil.com"),
        ("http://amazon.com:443@evil.com/x", "domain:evil.com"),
        ("EVIL.COM.", "domain:evil.com"),
        ("foo.github.io/login", "domain:foo.github.io"),
        ("https://bücher.example.com", "domain:example.com"),
        ("http://münchen-hilfe.de/", "domain:xn--mnchen-hilfe-dlb.de"),
        ("http://198.51.100.7:8080/x", "ip:198.51.100.7"),
        ("https://[2001:db8::1]/x", "ip:2001:db8::1"),
        ("http://192.168.0.1/", None),
        ("github.io", None),
        ("not a link", None),
        ("x.notatld", None),
        ("", None),
    ],
)
def test_url_field(text, expected):
    match = next(url.from_field(text), None)
    assert (match and match.entity_id) == expected
    if match:
        assert match.role is Role.LURE_SITE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("they called me.It was late", []),
        ("they told me.so I left", []),
        ("run file.py and setup.sh", []),
        ("version 1.2.3 of e.g. this", []),
        ("mail bob@evil.com now", []),
        ("go to evil.de now", ["domain:evil.de"]),
        ("at evil-refund.com, they", ["domain:evil-refund.com"]),
        ("see evil[.]support", ["domain:evil.support"]),
        ("(https://evil.com/a).", ["domain:evil.com"]),
        ("www.evil.in and https://evil.xyz", ["domain:evil.in", "domain:evil.xyz"]),
    ],
)
def test_urls_in_text(text, expected):
    assert sorted(ids(url.find(text))) == sorted(expected)


def test_a_bare_name_is_only_mentioned():
    assert [f.role for f in url.find("evil-refund.com or https://evil.com")] == [
        Role.MENTIONED,
        Role.LURE_SITE,
    ]


@pytest.mark.parametrize(
    ("link", "number"),
    [
        ("tel:+1-888-555-0123", "+1-888-555-0123"),
        ("https://wa.me/18885550123", "+18885550123"),
        ("https://api.whatsapp.com/send?phone=18885550123", "+18885550123"),
        ("https://evil.com/18885550123", None),
    ],
)
def test_links_that_call_a_phone(link, number):
    assert phone_link.phone_of_link(link) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A.B+c@Evil.COM", ["email:a.b+c@evil.com"]),
        ("a[at]evil[dot]com", ["email:a@evil.com"]),
        ("a%40evil.com b&#64;evil&period;com", ["email:a@evil.com", "email:b@evil.com"]),
        (r"\x61\u0040evil.com", ["email:a@evil.com"]),
        ("a@bücher.de.", ["email:a@xn--bcher-kva.de"]),
        ("name@okhdfcbank", []),
        ("a@b", []),
        ("a@@b.com", []),
    ],
)
def test_emails(text, expected):
    assert ids(email.find(text)) == expected


@pytest.mark.parametrize(
    ("tool", "session", "expected"),
    [
        ("AnyDesk", "123 456 789", "remote:anydesk:123456789"),
        ("Team Viewer", "1 234 567 890", "remote:teamviewer:1234567890"),
        ("anydesk", "scammer@ad", "remote:anydesk:scammer@ad"),
        ("ScreenConnect", "https://x1.screenconnect.com/join",
         "remote:screenconnect:x1.screenconnect.com"),
        ("anydesk", "000000000", None),
        ("anydesk", "12", None),
        ("anydesk", "my phone 415 666", None),
        ("quick_assist", "123456", None),
        (None, "123456789", None),
        ("anydesk", None, None),
    ],
)  # fmt: skip
def test_remote_access_field(tool, session, expected):
    match = remote_access.from_field(tool, session)
    assert (match and match.entity_id) == expected


def test_remote_access_in_text():
    text = "AnyDesk ID 123 456 789, later TeamViewer: 1 234 567 890 and x1.screenconnect.com"
    assert ids(remote_access.find(text)) == [
        "remote:anydesk:123456789",
        "remote:teamviewer:1234567890",
        "remote:screenconnect:x1.screenconnect.com",
    ]


@pytest.mark.parametrize(
    ("method", "payee", "expected"),
    [
        ("bank", "GB29 NWBK 6016 1331 9268 19", "account:iban:GB29NWBK60161331926819"),
        ("bank", "GB28 NWBK 6016 1331 9268 19", None),
        ("upi", "Name@OkHdfcBank", "account:upi:name@okhdfcbank"),
        ("bank", "routing 021000021 account 123456789", "account:us:021000021:123456789"),
        ("bank", "60-16-13 31926819", "account:uk:601613:31926819"),
        ("bank", "HDFC0001234 A/c 50100012345678", "account:ifsc:HDFC0001234:50100012345678"),
        ("bank", "Acme LLC, 1234567", "account:bank:acme-llc-1234567"),
        ("bank", "Acme LLC", None),
        ("crypto", "1FeexV6bAHb8ybZjqQMjJrcCrHGW9sb6uF",
         "wallet:btc:1FeexV6bAHb8ybZjqQMjJrcCrHGW9sb6uF"),
        ("crypto", "1FeexV6bAHb8ybZjqQMjJrcCrHGW9sb6uG", None),
        ("telegram", "@Scam_Mer", "handle:telegram:scam_mer"),
        ("cash_app", "$Scammer", "handle:cashapp:$scammer"),
        ("zelle", "pay@evil.com", "email:pay@evil.com"),
        ("zelle", "(888) 555-0123", "phone:+18885550123"),
        ("zelle", "John Smith", None),
        ("zelle", "@desk_refund", "handle:zelle:desk_refund"),
        ("paypal", "@scammer1", "handle:paypal:scammer1"),
        ("gift_card", "AQ12 3456 7890 1234", None),
        ("Google Play", "GB29 NWBK 6016 1331 9268 19", None),
        (None, None, None),
        # Digits of any script are those of ASCII.
        ("bank", "GB\u0662\u0669 NWBK 6016 1331 9268 19", "account:iban:GB29NWBK60161331926819"),
        ("bank", "routing 02100002\u0661 account 12345\u09676", "account:us:021000021:1234516"),
        ("bank", "4111-1111-1111-\u0661\u0661\u0661\u0661", "account:bank:4111-1111-1111-1111"),
    ],
)  # fmt: skip
def test_payee_field(method, payee, expected):
    matches = payment_account.from_field(method, payee, "US")
    assert ids(matches) == ([expected] if expected else [])
    assert {match.role for match in matches} <= {Role.PAYEE}


def payees(text):
    """Identifiers of payees, by the finders of the registry."""
    kinds = (EntityKind.ACCOUNT, EntityKind.WALLET, EntityKind.HANDLE)
    matches = (match for finder in load_finders() for match in finder.find(text))
    return [match for match in matches if match.kind in kinds]


def test_payees_in_text():
    text = (
        "wire to GB29 NWBK 6016 1331 9268 19 from me, or name@ybl, or "
        "bc1ql49ydapnjafl5t2cp9zqpjwe6pdgmxy98859v2, Cash App $scammer, not name@example"
    )
    assert ids(payees(text)) == [
        "account:iban:GB29NWBK60161331926819",
        "account:upi:name@ybl",
        "wallet:btc:bc1ql49ydapnjafl5t2cp9zqpjwe6pdgmxy98859v2",
        "handle:cashapp:$scammer",
    ]


ETHER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
"""The first example of EIP-55."""


def test_ethereum_checksum():
    assert crypto_wallet.canonical_wallet(ETHER) == f"eth:{ETHER.lower()}"
    assert crypto_wallet.canonical_wallet(ETHER.lower()) == f"eth:{ETHER.lower()}"
    assert crypto_wallet.canonical_wallet(ETHER.replace("aA", "Aa")) is None


WALLETS = {
    "1FeexV6bAHb8ybZjqQMjJrcCrHGW9sb6uF": "btc",
    "34xp4vRoCGJym3xR7yCVPFHoCNxv4Twseo": "btc",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4": "btc",
    "BC1SW50QGDZ25J": "btc",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0": "btc",
    "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1": "ltc",
    "ltc1qr07zu594qf63xm7l7x6pu3a2v39m2z6hh5pp4t": "ltc",
    "qqeht8vnwag20yv8dvtcrd4ujx09fwxwsqqqw93w88": "bch",
    "pqvm5jv4zhy38dkzrx0md73c3sujhkmg4yhlmhhmfm": "bch",
    "addr128phkx6acpnf78fuvxn0mkew3l0fd058hzquvz7w36x4gtupnz75xxcrtw79hu": "ada",
    "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8": "ada",
    "addr1q8cr0g7lxd7n7hsz95nklc9cn6g9x67na6ns3d6da0qhkw4fmeuemujwjujnxmvgz9jc2hrf80p9juc0tnuemrx7nd6"
    "q82h3rx": "ada",
    "XdAUmwtig27HBG6WfYyHAzP8n6XC9jESEw": "dash",
    "7qd1hqQqZzMRaJA5drqkpEZL41s3JktRuZ": "dash",
    "DEgDVFa2DoW1533dxeDVdTxQFhMzs1pMke": "doge",
    "9xqCpm3DpUYSzcoQSPb5SEGDwn9NRqwZnH": "doge",
    "TNUC9Qb1rRpS5CbWLmNMxXBjyFoydXjWFR": "tron",
    "rMQ98K56yXJbDGv49ZSmW51sLn94Xe1mu1": "xrp",
    "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs": "ton",
    "UQBynBO23ywHy_CgarY9NK9FTz0yDsG82PtcbSTQgGoXwnZF": "ton",
    "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7": "xlm",
    "tz1Lc2qBKEWCBeDU8npG6zCeCqpmaegRi6Jg": "xtz",
    "KT1KLbEeEgW5h1QLkPuPvqdgurHx6v4hGyic": "xtz",
    "t1TFPJkun5SAEVPgRsT5fbVv7uinBPux49h": "zec",
    "t3Sk98eMdExVc47gqvq6dgfK6ZXdjsS4QYD": "zec",
    "46jECbnrkJTUks7Fg5YtwShdUCiwUwEEZJtJBhKLK4GBWfBX7PLrYBuWR9zhzos5uQ1uXGUgFpGCSBR5o651pL5ERxmwqHu":
    "xmr",
    "42NCdZTvv3WDjVJTd4ny51SXQiKhUyprE9zrP5BsjqJu9aeWqwunHK7aHFR9ya8gJf2REyYwBMDxMjiAVPMBqsVHQqJe91y":
    "xmr",
}  # fmt: skip
"""Addresses seen on chains or in the coins' own specifications, and their coins."""


@pytest.mark.parametrize(("address", "coin"), WALLETS.items())
def test_every_coins_address_is_found_in_a_text_and_in_a_field(address, coin):
    folded = address.lower() if address.startswith(("BC1", "bc1")) else address
    wanted = f"wallet:{coin}:{folded}"
    assert ids(payees(f"they wanted it sent to {address}, at once")) == [wanted]
    for payee in (address, f"coin:{address}?amount=1", f"coin://transfer/{address}"):
        assert ids(payment_account.from_field("crypto", payee, None)) == [wanted]


@given(st.sampled_from(sorted(WALLETS)), st.data())
def test_no_address_survives_a_changed_letter(address, data):
    place = data.draw(st.integers(4, len(address) - 1))
    letter = data.draw(
        st.sampled_from([c for c in "acdefhjkmnpqrtuvwxy" if c != address[place].lower()])
    )
    letter = letter.upper() if address.isupper() else letter
    assert crypto_wallet.canonical_wallet(address[:place] + letter + address[place + 1 :]) is None


@given(st.text("13AGLMXaqprtz48bc059", max_size=120))
def test_no_text_breaks_the_reading_of_addresses(text):
    for prefix in ("", "4", "8", "G", "q", "addr1", "bc1"):
        assert crypto_wallet.canonical_wallet(prefix + text) is None or len(prefix + text) > 13


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cash App $scammer", ["handle:cashapp:$scammer"]),
        ("open cash.app/$Refund-Desk now", ["handle:cashapp:$refund-desk"]),
        ("it cost $five at the shop", []),
        ("send it by Venmo to @Refund-Desk22", ["handle:venmo:refund-desk22"]),
        ("pay @refunddesk on Venmo", ["handle:venmo:refunddesk"]),
        ("https://account.venmo.com/u/Refund-Desk", ["handle:venmo:refund-desk"]),
        ("https://venmo.com/account", []),
        ("my Zelle tag is @desk_refund, he said", ["handle:zelle:desk_refund"]),
        ("Zelle it to desk@evil.example", []),
        ("paypal.me/RefundDesk and", ["handle:paypal:refunddesk"]),
        ("https://www.paypal.com/paypalme/RefundDesk", ["handle:paypal:refunddesk"]),
        ("I follow @AmazonHelp there", []),
        ("Venmo told me, and later on Twitter, which is another thing, @AmazonHelp answered", []),
    ],
)
def test_tags_of_payment_apps(text, expected):
    handles = [entity_id for entity_id in ids(payees(text)) if entity_id.startswith("handle:")]
    assert handles == expected


@pytest.mark.real
def test_real_wallets():
    """All but Solana, which has no checksum, and Cardano's addresses of before 2020 (Ae2...)."""
    coins = {
        "bitcoin": "btc",
        "bitcoincash": "bch",
        "cardano": "ada",
        "dashcoin": "dash",
        "dogecoin": "doge",
        "ethereum": "eth",
        "litecoin": "ltc",
        "monero": "xmr",
        "ripple": "xrp",
        "tezos": "xtz",
        "tron": "tron",
        "zcash": "zec",
    }
    for line in real("wallets/blockchain_valid.ioc").read_text("utf-8").splitlines():
        name, _, address = line.strip().partition(" ")
        value = crypto_wallet.canonical_wallet(address.removeprefix("bitcoincash:"))
        wanted = "" if address.startswith("Ae2") else coins.get(name, "")
        assert (value or "").partition(":")[0] == wanted


@given(st.text(max_size=200))
def test_finders_take_any_text_and_slice_it(text):
    for finder in load_finders():
        for match in finder.find(text):
            assert 0 <= match.start < match.end <= len(text)
    payment_account.from_field("bank", text, "US")
    list(url.from_field(text))
    remote_access.from_field("anydesk", text)


def test_private_addresses_are_nobodys():
    assert domain.canonical_ip("10.0.0.1") is None
    assert domain.canonical_ip("::ffff:198.51.100.7") == "198.51.100.7"
    assert domain.canonical_ip("999.1.1.1") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("routing number 021000021, account number 1234567890",
         ["account:us:021000021:1234567890"]),
        ("routing number 021000022, account number 1234567890", []),
        ("sort code 12-34-56 account 12345678", ["account:uk:123456:12345678"]),
        ("A/C 123456789012 IFSC HDFC0001234", ["account:ifsc:HDFC0001234:123456789012"]),
        ("IFSC HDFC0001234", []),
        ("write on Telegram to @Scam_Mer or t.me/other_one",
         ["handle:telegram:other_one", "handle:telegram:scam_mer"]),
        ("join chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv",
         ["handle:whatsapp:AbCdEfGhIjKlMnOpQrStUv"]),
        ("XRP rMQ98K56yXJbDGv49ZSmW51sLn94Xe1mu1",
         ["wallet:xrp:rMQ98K56yXJbDGv49ZSmW51sLn94Xe1mu1"]),
        ("XRP rMQ98K56yXJbDGv49ZSmW51sLn94Xe1mu2", []),
    ],
)  # fmt: skip
def test_accounts_and_handles_in_text(text, expected):
    assert ids(payees(text)) == expected
    for match in payees(text):
        assert match.role is Role.MENTIONED


@pytest.mark.real
def test_solana_where_it_is_named():
    lines = real("wallets/blockchain_valid.ioc").read_text("utf-8").splitlines()
    known = [line.split()[1] for line in lines if line.startswith("solana")]
    for address in known:
        assert not list(crypto_wallet.find(f"pay to {address}"))
        if crypto_wallet.is_solana_address(address):
            assert ids(crypto_wallet.find(f"my solana: {address}")) == [f"wallet:sol:{address}"]
    assert sum(map(crypto_wallet.is_solana_address, known)) >= 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Officer Amanda Barnes, badge number DC-4411", ["handle:agent:amanda-barnes:dc4411"]),
        ("My name is Michael Brown. Badge ID 77123", ["handle:agent:michael-brown:77123"]),
        ("Officer Amanda Barnes", []),
        ("badge number 77123", []),
    ],
)
def test_agents(text, expected):
    assert ids(agent_id.find(text)) == expected


@pytest.mark.parametrize(
    ("link", "expected", "how"),
    [
        ("https://bit.ly/3xYz?a=1", "url:bit.ly/3xYz", None),
        ("bit[.]ly/AbC", "url:bit.ly/AbC", None),
        ("http://amazon.com@evil.com/x", "domain:evil.com", None),
        ("http://\u0430mazon.com/", "domain:xn--mazon-3ve.com", "look_alike:amazon"),
        ("paypa1.com", "domain:paypa1.com", "look_alike:paypal"),
        ("rnicrosoft.com/x", "domain:rnicrosoft.com", "look_alike:microsoft"),
        ("amzn-refund.support", "domain:amzn-refund.support", "look_alike:amazon"),
        ("amazon.de", "domain:amazon.de", None),
        ("pineapple.com", "domain:pineapple.com", None),
    ],
)
def test_look_alikes_and_short_links(link, expected, how):
    match = next(url.from_field(link))
    assert (match.entity_id, match.how) == (expected, how)


def test_a_relay_on_the_operators_own_domain():
    text = "ran https://evil.support/Bin/Client.exe?h=relay.evil.support&p=8041&k=x"
    assert "remote:screenconnect:relay.evil.support" in ids(remote_access.find(text))


def test_brands():
    claimed = pa.array(
        ["Amazon Prime support", "MICROSOFT Windows", "I.R.S", None, "  ", "Acme  Power & Light",
         "startups", "Social Security Administration", "Ａmazon.com", "AMAZON PRIME",
         "amazon customer service", "Iberdrola clientes", "Guardia Civil",
         "SOCIETE GENERALE", "O2", "Paul Smith"]
    )  # fmt: skip
    names = impersonation.canonical_brands(claimed)
    assert names.to_pylist() == [
        "amazon", "microsoft", "irs", None, None, "other", "other", "ssa", "amazon", "amazon",
        "amazon", "utility", "police", "societe_generale", "o2", "other",
    ]  # fmt: skip
    assert impersonation.canonical_brands(names).equals(names)
