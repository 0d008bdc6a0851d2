"""`ringtrace serve` with people: who is let in, what roles allow, and verdicts kept apart."""

import unicodedata

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from pipelines import cli, key_store
from pipelines.commands import serve
from pipelines.commands.serve import NEEDED_ROLES, Server, make_app, user_of
from pipelines.options import UsageError
from pipelines.people import read_people
from pipelines.user_files import read_decisions
from reports import signing
from reports.signing import make_signing_key
from tests.support.report_tables import START, listed, manifest, write_run
from tests.support.written_report import report_files
from tests.unit.pipelines.commands.test_serve import (
    ACCOUNT,
    CONFIRM,
    OTHER,
    PHONE,
    decide,
    headers,
    post,
    small_run,
    undo,
)

DESK = "https://desk.example"

FILE = """
[[person]]
id = "zoe"
name = "Zoë"
names = ["zoe@desk"]
roles = ["analyst"]

[[person]]
id = "ivan"
name = "Иван"
roles = ["reviewer", "owner"]

[[person]]
id = "amit"
name = "अमित"

[[person]]
id = "li"
name = "李雷"
roles = ["runner"]
"""


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.toml"
    path.write_text(FILE, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def server(tmp_path, people, monkeypatch):
    monkeypatch.setattr(serve, "UNDO_SECONDS", 3600)  # recorded when a test says so
    run = small_run(tmp_path / "run", options={"two_person": True})
    made = Server(run, str(tmp_path / "d.csv"), None, 8765, {"data/run.js": b"rt.piece"})
    made.user_header, made.public_url = "X-User", DESK
    made.people = read_people(str(people))
    return made


@pytest.fixture
def client(server):
    return TestClient(make_app(server), base_url=DESK, raise_server_exceptions=False)


def of(name, **more):
    """Headers as a proxy sends them, in UTF-8."""
    return {"origin": DESK, "x-user": name.encode() if isinstance(name, str) else name, **more}


def get(client, server, name, user):
    return client.get(f"/{server.token}/api/{name}", headers=headers(server, **of(user)))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Łukasz", "Иван", "अमित", "李雷", "Zoë"])
def test_names_in_utf_8_decide_without_a_file(client, server, form, name):
    server.people = {}
    answer = decide(client, server, **of(unicodedata.normalize(form, name)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["author"] == name
    server.flush()
    (decision,) = read_decisions(server.decisions)
    assert decision.author == name


@pytest.mark.parametrize(
    ("name", "status"),
    [("Zoë", 200), ("zoe@desk", 200), ("ZOE", 403), ("zое", 403), ("zoe\u200b", 403), ("", 403)],
)
def test_who_is_not_on_the_list_is_not_let_in(client, server, name, status):
    answer = get(client, server, "about", name)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["author"] == "zoe"
    else:
        assert len(answer.json()["error"].splitlines()) == 1


def test_whoever_is_taken_off_the_list_is_not_let_in_again(client, server, people):
    server.people_file = str(people)
    assert get(client, server, "about", "Zoë").status_code == 200
    people.write_text(FILE.replace('"zoe', '"eva').replace('"Zoë"', '"Eva"'), encoding="utf-8")
    assert get(client, server, "about", "Zoë").status_code == 403
    assert get(client, server, "about", "Eva").status_code == 200


@pytest.mark.parametrize(
    ("value", "author"), [(b"zoe@desk", "zoe"), ("李雷".encode(), "li"), (b"Zo\xeb", None)]
)
def test_a_header_is_read_as_the_bytes_of_utf_8_that_it_is(server, value, author):
    asked_by = Request({"type": "http", "headers": [(b"x-user", value)]})
    if author:
        assert user_of(server, asked_by).id == author
    else:
        with pytest.raises(UsageError, match="is not in UTF-8"):
            user_of(server, asked_by)


def test_a_header_that_stands_twice_names_nobody(client, server):
    twice = [("x-user", "zoe"), ("x-user", "ivan"), ("x-ringtrace-token", server.secret)]
    answer = client.get(f"/{server.token}/api/about", headers=twice)
    assert answer.status_code == 403 and "once" in answer.json()["error"]


CALLS = {
    "decide": "zoe ivan",
    "evidence": "zoe ivan",
    "narrative": "zoe ivan",
    "note": "zoe ivan",
    "acknowledge": "zoe ivan",
    "undo": "zoe ivan",
    "rerun": "li",
    "notes": "zoe ivan",
    "views": "ivan",
}


def test_each_role_may_do_its_own_alone(client, server):
    assert {f"api/{call}" for call in CALLS} == set(NEEDED_ROLES)
    for call, allowed in CALLS.items():
        for user in ("zoe", "ivan", "amit", "li"):
            is_list = call in ("notes", "views")
            answer = (
                get(client, server, call, user)
                if is_list
                else post(client, server, call, {}, **of(user))
            )
            is_refused = answer.status_code == 403
            assert is_refused == (user not in allowed.split()), (call, user, answer.text)
            told = get(client, server, "about", user).json()["refused"]
            assert (f"api/{call}" in told) == is_refused
    for user in ("zoe", "ivan", "amit", "li"):
        assert get(client, server, "decisions", user).status_code == 200
    server.people = {}  # nobody behind a proxy is the owner unless somebody says so
    assert get(client, server, "views", "Zoë").status_code == 403


def test_roles_of_a_header_stand_for_those_of_the_file(client, server):
    server.role_header = "X-Roles"
    body = {"org": "amazon", "id": "A-1"}
    for roles, status in (("staff, reader", 403), ("", 403), ("staff;analyst", 200)):
        named = of("amit", **{"x-roles": roles})
        assert post(client, server, "narrative", body, **named).status_code == status
    assert post(client, server, "narrative", body, **of("zoe")).status_code == 403


SECRETS = ("the panel", "zoe", "Zoë", "confirm", "dispute", PHONE.partition("+")[2] + "!")


def leaks(client, server, user):
    """Returns what the calls of a second person tell of a verdict of zoe's."""
    texts = [get(client, server, name, user).text for name in ("decisions", "notes")]
    texts += [
        post(client, server, "evidence", {"entity": entity}, **of(user)).text
        for entity in (PHONE, ACCOUNT, OTHER)
    ]
    names = (f"{kind}-{day}-{number}" for kind in ("confirm", "dispute", "review")
             for day in days(server) for number in (1, 2))  # fmt: skip
    probes = [post(client, server, "undo", {"decision_id": name}, **of(user)) for name in names]
    assert len({probe.text for probe in probes}) == 1  # the same for known and unknown ids
    return [secret for secret in SECRETS for text in texts if secret in text]


def days(server):
    waiting = [each.decision for each in server.journal.waiting()]
    return {f"{row.decided_at:%Y%m%d}" for row in [*waiting, *server._recorded()]}


@pytest.mark.parametrize("kind", ["confirm", "dispute"])
def test_nobody_sees_the_first_verdict_before_the_second(client, server, kind):
    body = CONFIRM | {"kind": kind, "reason": "the panel"}
    first = decide(client, server, body, **of("zoe")).json()
    assert first["decisions"][0]["reason"] == "the panel"
    for _ in ("while it can be undone", "recorded"):
        assert leaks(client, server, "ivan") == []
        (row,) = get(client, server, "decisions", "ivan").json()["decisions"]
        assert (row["kind"], row["entity_a"], row["cluster"]) == ("second_wanted", PHONE, "c-1")
        assert get(client, server, "decisions", "zoe").json()["decisions"][0]["author"] == "zoe"
        server.flush()
    # Whatever the first said, the second is taken, and tells nothing while it can be undone.
    second = decide(client, server, CONFIRM, **of("ivan"))
    assert second.status_code == 200 and second.json()["added"].endswith("-2")
    assert "the panel" not in second.text and "zoe" not in second.text
    assert undo(client, server, second.json()["added"]).status_code == 403  # of nobody
    assert "the panel" not in get(client, server, "decisions", "ivan").text
    server.flush()
    seen = get(client, server, "decisions", "ivan").json()["decisions"]
    assert {row["author"] for row in seen} == {"zoe", "ivan"}
    assert {row["reason"] for row in seen} == {"the panel", "read the evidence"}


def test_another_judgement_or_one_undone_shows_nothing(client, server):
    decide(client, server, CONFIRM | {"reason": "the panel"}, **of("zoe"))
    server.flush()
    decide(client, server, CONFIRM | {"kind": "review"}, **of("ivan"))
    decide(client, server, CONFIRM | {"entity_a": OTHER}, **of("ivan"))
    server.flush()
    assert "the panel" not in get(client, server, "decisions", "ivan").text
    added = decide(client, server, **of("ivan")).json()["added"]
    post(client, server, "undo", {"decision_id": added}, **of("ivan"))
    server.flush()
    assert "the panel" not in get(client, server, "decisions", "ivan").text


def test_neither_the_command_nor_the_next_report_tells_a_first_verdict(
    client, server, people, tmp_path, capsys
):
    words = ["decide", server.run.folder, "legitimate", PHONE, "--dry-run", "--author", "ivan",
             "--reason", "x", "--decisions", server.decisions, "--people", str(people)]  # fmt: skip
    for kind in ("confirm", "dispute"):
        decide(client, server, CONFIRM | {"kind": kind, "reason": "the panel"}, **of("zoe"))
    for _ in ("waiting", "recorded"):
        (row, _) = get(client, server, "decisions", "ivan").json()["decisions"]
        assert cli.main(words) == 0
        told = capsys.readouterr()
        assert not [word for word in ("zoe", "panel", "dispute", "confirm-") if word in str(told)]
        server.flush()
    row = {"decision_id": "d-1", "kind": "dispute", "entity_a": PHONE, "author": "zoe",
           "reason": "the panel", "decided_at": START, "members": [PHONE], "members_digest": "",
           "in_force": True, "signed_by": "a" * 64}  # fmt: skip
    for second, is_told in ((), False), ((row | {"decision_id": "d-2", "author": "ivan"},), True):
        folder = write_run(tmp_path / f"next{is_told}", {"decisions": [row, *second]})
        whole = manifest(outputs=listed(folder), options={"two_person": True})
        texts = report_files(folder, whole).values()
        assert any(b"the panel" in text for text in texts) == is_told


@pytest.mark.parametrize("opened_first", ["old", "new"])
def test_no_older_run_of_the_folder_shows_a_verdict(tmp_path, server, opened_first):
    """All runs share the decisions file."""
    runs = {
        name: small_run(
            tmp_path / "runs" / name,
            run_id=f"run-{name}",
            clock=f"2026-03-0{day}T08:00:00Z",
            options={"two_person": True} if name == "new" else {},
        )
        for day, name in ((1, "old"), (2, "new"))
    }
    server.run, server.folder = runs[opened_first], tmp_path / "runs"
    server._opened = {name: (run, {}) for name, run in runs.items()}
    client = TestClient(make_app(server), base_url=DESK)
    answer = decide(client, server, CONFIRM | {"reason": "the panel"}, "new", **of("zoe"))
    assert answer.status_code == 200
    server.flush()
    by_ivan = headers(server, **of("ivan"))
    for name in runs:
        shown = client.get(f"/{server.token}/r/{name}/api/decisions", headers=by_ivan)
        assert [row["kind"] for row in shown.json()["decisions"]] == ["second_wanted"]
    refused = decide(client, server, CONFIRM, "old", **of("ivan"))
    assert refused.status_code == 400 and "latest one" in refused.json()["error"]


def test_a_refused_decision_is_not_told_to_whom_it_could_tell_a_verdict(client, server):
    decide(client, server, CONFIRM | {"reason": "the panel"}, **of("zoe"))
    server.journal.problem = "confirm-20260301-1: not recorded"
    told = get(client, server, "decisions", "ivan").json()["problem"]
    assert told and "confirm" not in told
    assert "confirm" in server.problem()


def test_two_confirms_through_one_server_count_once_both_are_recorded(client, server):
    def in_effect():
        rows = read_decisions(server.decisions, server.people, two_person=True)
        return [row.author for row in rows if row.void is None]

    decide(client, server, **of("zoe"))
    server.flush()
    assert in_effect() == []
    assert [row.void for row in read_decisions(server.decisions)] == [None]
    decide(client, server, **of("Иван"))
    server.flush()
    assert in_effect() == ["zoe", "ivan"]


def test_whoever_has_a_key_decides_with_it_alone(client, server, people, tmp_path, capsys):
    key = make_signing_key()
    pem = tmp_path / "zoe.pem"
    pem.write_bytes(signing.private_pem(key))
    pem.chmod(0o600)
    key_id = signing.key_id(key.public_key())
    people.write_text(FILE.replace('"zoe"\n', f'"zoe"\nkey = "{key_id}"\n', 1), encoding="utf-8")
    server.people = read_people(str(people))
    refused = decide(client, server, **of("zoe"))
    assert refused.status_code == 400 and "ringtrace decide" in refused.json()["error"]
    words = ["decide", server.run.folder, "confirm", PHONE, "--reason", "read it",
             "--decisions", server.decisions, "--people", str(people), "--author"]  # fmt: skip
    for more in (["Zoë"], ["ivan", "--key", str(pem)], ["amit"], ["Mallory"]):
        assert cli.main([*words, *more]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert cli.main([*words, "Zoë", "--key", str(pem)]) == 0
    assert "waits" not in capsys.readouterr().err
    key_store.trust("desk", key.public_key())
    (row,) = read_decisions(server.decisions, server.people)
    assert (row.author, row.signed_by, row.void) == ("zoe", key_id, None)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"Иван"', '"ZOE"', "another person's"),
        ('["runner"]', '["boss"]', "Expected one of analyst, owner, reader, reviewer, runner "),
        ('roles = ["runner"]', 'key = "x"', "key"),
        ('roles = ["runner"]', 'role = ["runner"]', "role"),
        ('id = "li"', 'id = "l\u202ei"', "visible characters"),
        ('id = "li"\n', "", "id"),
        (FILE, "person = []", "lists nobody"),
        (FILE, "x", "TOML"),
    ],
)
def test_a_list_of_people_that_is_none_is_refused_in_one_line(people, before, after, said):
    people.write_text(FILE.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=said) as error:
        read_people(str(people))
    assert len(str(error.value).splitlines()) == 1


def test_a_list_that_others_can_write_is_refused(people):
    people.chmod(0o666)
    with pytest.raises(UsageError, match="others than its owner can write"):
        read_people(str(people))
