"""The read endpoints."""

import httpx
import pytest

from tests.service import Client


@pytest.fixture
def keys(client: Client, user: str) -> str:
    """A user with four keys, the third of them removed."""
    for note, name in (("Front DOOR", "A"), ("straße", "B"), ("gone", "A"), ("ΣΊΣΥΦΟΣ 100% _x", "A")):
        client.add(user, {"note": note, "orgName": name})
    client.remove(user, 3)
    return user


def listed(client: Client, user: str, **query: str) -> tuple[list[int], int]:
    body = client.http.get(f"/users/{user}/PhysicalKeys", params=query).json()
    return [entry["number"] for entry in body["keys"]], body["total"]


def test_keys_come_in_number_order_without_removed_ones(client: Client, keys: str) -> None:
    """With exactly these members."""
    assert ([1, 2, 4], 3) == listed(client, keys)
    entry = client.http.get(f"/users/{keys}/PhysicalKeys").json()["keys"][0]
    assert {"number", "orgId", "orgName", "note", "addedAt"} == set(entry)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"q": "front door"}, [1]),
        ({"q": "STRASSE"}, []),
        ({"q": "RASSE"}, []),
        ({"q": "STRAß"}, [2]),
        ({"q": "σίσυφος"}, [4]),
        ({"q": "100%"}, [4]),
        ({"q": "_x"}, [4]),
        ({"q": "%"}, [4]),
        ({"q": "gone"}, []),
        ({"orgName": "A"}, [1, 4]),
        ({"orgName": "a"}, []),
        ({"orgName": "A", "q": "d"}, [1]),
        ({"orgId": "somebody"}, []),
        ({"after": "1"}, [2, 4]),
    ],
)
def test_filters_are_literal_and_combined_with_and(
    client: Client, keys: str, query: dict[str, str], numbers: list[int]
) -> None:
    """`q` ignores letter case by Unicode, and nothing in it is a pattern."""
    assert numbers == listed(client, keys, **query)[0]


def test_a_page_has_at_most_100_and_total_counts_all(client: Client, user: str) -> None:
    """`after` goes on where the page ended."""
    ids = [client.add(user, Prefer="respond-async").headers["command-id"] for _ in range(103)]
    client.http.get(f"/commands/{ids[-1]}", headers={"Prefer": "wait=20"})
    assert (list(range(1, 101)), 103) == listed(client, user)
    assert ([101, 102, 103], 103) == listed(client, user, after="100")


def test_one_key(client: Client, keys: str) -> None:
    """The entry itself; a removed one is not found."""
    entry = client.http.get(f"/users/{keys}/PhysicalKeys/2").json()
    assert (2, "straße", "B") == (entry["number"], entry["note"], entry["orgName"])
    assert 404 == client.http.get(f"/users/{keys}/PhysicalKeys/3").status_code


@pytest.mark.parametrize(
    "path",
    ["/users/nobody/PhysicalKeys", "/users/nobody/PhysicalKeys/1", "/users/nobody/events", "/commands/x",
     "/commands/00000000-0000-7000-8000-000000000000"],
)  # fmt: skip
def test_not_found_has_the_members_that_read_clients_look_for(client: Client, path: str) -> None:
    """Both shapes in one body, but for commands, whose 404 has the first."""
    answer = client.http.get(path)
    body = answer.json()
    assert (404, 404, "The requested resource was not found") == (
        answer.status_code,
        body["code"],
        body["message"],
    )
    if path.startswith("/users"):
        assert False is body["success"]
        assert [{"code": 404, "message": body["message"]}] == body["errors"]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=99999999999", "q=%00", "orgId=%0a"])
def test_a_bad_query_is_refused(client: Client, user: str, query: str) -> None:
    """By name."""
    answer = client.http.get(f"/users/{user}/PhysicalKeys?{query}")
    assert 400 == answer.status_code
    assert query.partition("=")[0] == answer.json()["details"][0]["field"]


def test_the_feed_of_a_user(client: Client, keys: str) -> None:
    """In version order, rejections left out, to be continued after a version."""
    body = client.http.get(f"/users/{keys}/events").json()
    assert [1, 2, 3, 4, 5, 6] == [event["version"] for event in body["events"]]
    assert {"id", "type", "version", "time", "data"} == set(body["events"][0])
    assert False is body["more"]
    rest = client.http.get(f"/users/{keys}/events", params={"after": 4}).json()
    assert ["PhysicalKeyAdded", "PhysicalKeyRemoved"] == [event["type"] for event in rest["events"]]


def test_health_and_readiness(client: Client) -> None:
    """Without credentials; what it stands on, and how durable that is."""
    with httpx.Client(base_url=client.http.base_url, trust_env=False) as anonymous:
        assert {"status": "ok"} == anonymous.get("/healthz").json()
        ready = anonymous.get("/readyz")
    body = ready.json()
    assert (200, True) == (ready.status_code, body["ready"])
    assert ("fsynced", True, True) == (
        body["redis"]["durability"],
        body["postgresql"]["durable"],
        body["worker"]["ok"],
    )
