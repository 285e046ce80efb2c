"""The operators' console: what it asks for, what it shows, what it does; then in a real browser."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser import opened_tab
from tests.lane_sides import lane_sides
from tests.service import Client, Service
from tests.waiting import wait_until


def password_of(service: Service) -> str:
    """As `up` told it."""
    output = (service.data.parent / f"{service.data.name}.output").read_text()
    return str(re.findall(r"console: \S+\s+user: operator\s+password: (\S+)", output)[0])


def log_in(http: httpx.Client, password: str, name: str = "operator") -> httpx.Response:
    return http.post("/console/login", data={"name": name, "password": password})


def token_of(page: str) -> str:
    """What the forms of a page send along."""
    return str(re.findall(r'name="token" value="([0-9a-f]+)"', page)[0])


@pytest.fixture
def stranger(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=20) as http:
        yield http


@pytest.fixture
def operator(service: Service, stranger: httpx.Client) -> httpx.Client:
    """Logged in."""
    assert 303 == log_in(stranger, password_of(service)).status_code
    return stranger


@pytest.fixture
def dead_letter(service: Service, client: Client, user: str) -> str:
    """A command that was given up; its note is no text."""
    id_ = str(uuid.uuid4())
    payload = {
        "v": 1, "id": id_, "command": "AddPhysicalKey", "userId": user,
        "fields": {"orgId": client.org_id, "note": {"a": "<script>alert(1)</script>"}},
        "fingerprint": "00" * 32, "actor": {"credential": "key:test", "organisation": client.org_id},
        "acceptedAt": 1,
    }  # fmt: skip
    with lane_sides(service.env["KEYLEDGER_REDIS_URL"]) as lanes:
        lanes.accept(user, id_, payload=json.dumps(payload).encode())

    def is_dead() -> bool:
        return id_ in service.command("dead", "list", "--json").stdout

    # After 0.2, 1, 5 and 20 seconds.
    wait_until(is_dead, 60, what="a dead letter")
    return id_


PAGES = (
    "",
    "/lanes",
    "/lane?user=x",
    "/dead",
    "/command",
    "/endpoints",
    "/trail",
    "/dead/x",
    "/deliveries/x",
)
FORMS = ("/lane/park", "/lane/unpark", "/command/cancel", "/dead/retry", "/dead/edit", "/deliveries/replay")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_shown_without_a_session(stranger: httpx.Client, path: str) -> None:
    """Every page leads to the login."""
    answer = stranger.get(f"/console{path}")
    assert (303, "/console/login", "") == (answer.status_code, answer.headers["location"], answer.text)


@pytest.mark.parametrize("path", FORMS)
def test_nothing_is_done_without_the_sessions_own_form(operator: httpx.Client, path: str) -> None:
    """A session alone is not enough: its token must come with the form, from one of its pages."""
    form = {"user": "ada", "reason": "x", "id": str(uuid.uuid4()), "fields": "{}"}
    assert 403 == operator.post(f"/console{path}", data=form).status_code
    assert 403 == operator.post(f"/console{path}", data=form | {"token": "0" * 64}).status_code
    token = token_of(operator.get("/console").text)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        sent = operator.post(f"/console{path}", data=form | {"token": token}, headers=headers)
        assert 403 == sent.status_code
    operator.cookies.clear()
    assert 303 == operator.post(f"/console{path}", data=form | {"token": token}).status_code


def test_a_wrong_password_or_name_gets_the_same_answer(stranger: httpx.Client) -> None:
    """And no session."""
    answers = [log_in(stranger, "wrong", name) for name in ("operator", "nobody-of-this-name")]
    assert [401, 401] == [answer.status_code for answer in answers]
    assert answers[0].text == answers[1].text
    assert not stranger.cookies


def test_a_login_is_locked_after_a_few_wrong_passwords(service: Service, stranger: httpx.Client) -> None:
    """Even the right one is refused then."""
    password = service.command("operator", "add", "mallory", "--generate").stdout.strip()
    assert 303 == log_in(stranger, password, "mallory").status_code
    for _ in range(5):
        assert 401 == log_in(stranger, "wrong", "mallory").status_code
    assert 401 == log_in(stranger, password, "mallory").status_code
    listed = json.loads(service.command("operator", "list", "--json").stdout)
    assert [True] == [login["locked_ms"] > 0 for login in listed if login["name"] == "mallory"]
    service.command("operator", "remove", "mallory")


def test_a_session_ends_with_logging_out_and_with_another_password(
    service: Service, stranger: httpx.Client
) -> None:
    """Its cookie is worth nothing then; no script reads it and no other site sends it."""
    password = service.command("operator", "add", "grace", "--generate").stdout.strip()
    answer = log_in(stranger, password, "grace")
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/console"))
    page = stranger.get("/console").text
    kept = stranger.cookies["keyledger_session"]
    assert 303 == stranger.post("/console/logout", data={"token": token_of(page)}).status_code
    assert 303 == stranger.get("/console", headers={"cookie": f"keyledger_session={kept}"}).status_code
    assert 303 == log_in(stranger, password, "grace").status_code
    service.command("operator", "add", "grace", "--generate")
    assert 303 == stranger.get("/console").status_code
    service.command("operator", "remove", "grace")


def test_every_answer_forbids_itself_other_sources(operator: httpx.Client) -> None:
    """No script at all, nobody else's frame, nothing kept by a cache."""
    for path in ("/console", "/console/login", "/console/console.css", "/console/dead/x"):
        headers = operator.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert ("DENY", "no-store", "nosniff") == (
            headers["x-frame-options"], headers["cache-control"], headers["x-content-type-options"],
        )  # fmt: skip


def test_a_dead_letter_is_shown_escaped_mended_and_sent(
    service: Service, operator: httpx.Client, client: Client, dead_letter: str, user: str
) -> None:
    """What is wrong with the content is said; then it has the next number, and stands in the trail."""
    page = operator.get(f"/console/dead/{dead_letter}").text
    assert "<script>" not in page
    assert "alert(1)" in page
    token = token_of(page)
    refused = operator.post("/console/dead/retry", data={"token": token, "id": dead_letter})
    assert (400, True) == (refused.status_code, "note must be a string" in refused.text)
    form = {"token": token, "id": dead_letter}
    for odd in ("{", "[" * 5_000, '{"note": "a", "note": "b"}'):
        assert 400 == operator.post("/console/dead/edit", data=form | {"fields": odd}).status_code
    fields = json.dumps({"orgId": client.org_id, "note": "front door"})
    sent = operator.post("/console/dead/edit", data=form | {"fields": fields})
    assert 303 == sent.status_code
    story = operator.get(sent.headers["location"]).text
    assert "completed, version 2, number 1" in story
    assert dead_letter in story
    assert dead_letter not in operator.get("/console/dead").text
    assert dead_letter in operator.get("/console/dead?all=1").text
    trail = json.loads(service.command("operator", "trail", "--subject", dead_letter, "--json").stdout)
    more = json.dumps({"orgId": client.org_id, "note": "back door"})
    assert 409 == operator.post("/console/dead/edit", data=form | {"fields": more}).status_code
    assert [("operator", "dead.edit")] == [(one["operator"], one["action"]) for one in trail]
    assert "dead.edit" in operator.get("/console/trail").text


def test_a_lane_is_parked_looked_at_and_unparked(
    service: Service, operator: httpx.Client, client: Client, user: str
) -> None:
    """Its command is found, cancelled, and uses no number; words of a page never come from its address."""
    token = token_of(operator.get("/console").text)
    parked = operator.post("/console/lane/park", data={"token": token, "user": user, "reason": "<i>why</i>"})
    assert "The lane is parked." in operator.get(parked.headers["location"]).text
    id_ = client.add(user, prefer="respond-async").headers["command-id"]
    page = operator.get("/console/lane", params={"user": user}).text
    assert id_ in page
    assert "&lt;i&gt;why&lt;/i&gt;" in page
    assert user in operator.get("/console/lanes?state=parked").text
    assert "Cancel it" in operator.get("/console/command", params={"id": f" {id_} "}).text
    assert 303 == operator.post("/console/command/cancel", data={"token": token, "id": id_}).status_code
    operator.post("/console/lane/unpark", data={"token": token, "user": user})
    again = operator.post("/console/lane/unpark", data={"token": token, "user": user})
    assert (409, True) == (again.status_code, "is not parked" in again.text)
    odd = operator.post("/console/lane/park", data={"token": token, "user": "a/b", "reason": "x"})
    assert (400, True) == (odd.status_code, "must not contain" in odd.text)
    final = client.http.get(f"/commands/{id_}", headers={"prefer": "wait=10"}).json()
    assert "cancelled" == final["status"]
    assert 409 == operator.post("/console/command/cancel", data={"token": token, "id": id_}).status_code
    assert "evil" not in operator.get("/console?said=evil").text


def test_a_delivery_is_seen_with_its_attempts_and_sent_again(
    service: Service, operator: httpx.Client, client: Client, user: str
) -> None:
    """Of whichever organisation's endpoint."""
    made = client.http.post("/webhooks", json={"url": "http://127.0.0.1:9/hook", "events": ["*"]})
    endpoint = made.json()["id"]
    client.add(user)
    assert "127.0.0.1:9" in operator.get("/console/endpoints").text

    def delivery() -> list[str]:
        page = operator.get(f"/console/endpoints/{endpoint}").text
        return re.findall(r"/console/deliveries/([0-9a-f-]{36})", page)

    id_ = wait_until(delivery, 20, what="a delivery")[0]
    wait_until(lambda: "connect" in operator.get(f"/console/deliveries/{id_}").text, 20, what="an attempt")
    token = token_of(operator.get("/console").text)
    assert 303 == operator.post("/console/deliveries/replay", data={"token": token, "id": id_}).status_code
    assert (
        404
        == operator.post(
            "/console/deliveries/replay", data={"token": token, "id": str(uuid.uuid4())}
        ).status_code
    )
    client.http.delete(f"/webhooks/{endpoint}")


def test_a_form_that_is_too_large_or_none_is_refused(operator: httpx.Client) -> None:
    """Before anything is looked at."""
    assert 413 == operator.post("/console/dead/edit", content=b"x" * 70_000).status_code
    assert 400 == operator.post("/console/dead/edit", content=b"\xff\xfe").status_code


def test_an_operator_works_in_a_browser(service: Service, client: Client, user: str, tmp_path: Path) -> None:
    """Log in by the form, see what happens, park a lane; light and dark, and on a telephone."""
    with opened_tab(tmp_path) as tab:
        tab.look()
        tab.open(f"{service.url}/console")
        assert "/console/login" == tab.run("location.pathname")
        tab.submit("form.login", name="operator", password=password_of(service))
        assert "/console" == tab.run("location.pathname")
        assert "commands wait" in tab.text
        assert 3 == tab.run("document.querySelectorAll('svg').length")
        light = tab.run("getComputedStyle(document.body).backgroundColor")
        tab.look(scheme="dark")
        assert light != tab.run("getComputedStyle(document.body).backgroundColor")
        tab.open(f"{service.url}/console/lane?user={user}")
        tab.submit("form[action='/console/lane/park']", reason="by hand")
        assert "The lane is parked." in tab.text
        id_ = client.add(user, prefer="respond-async").headers["command-id"]
        tab.submit("form.look-up", id=id_)
        assert "by hand" in tab.text
        tab.look(width=390, height=800)
        for path in ("", "/lanes", "/dead?all=1", f"/command?id={id_}", "/endpoints", "/trail"):
            tab.open(f"{service.url}/console{path}")
            assert tab.run("document.documentElement.scrollWidth <= window.innerWidth"), path
        tab.open(f"{service.url}/console/lane?user={user}")
        tab.submit("form[action='/console/lane/unpark']")
        assert "worked on again" in tab.text
