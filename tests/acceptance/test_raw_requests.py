"""Requests that no tidy client would send, byte by byte: refused, and nothing enqueued."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.service import Service


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize(
    "segment",
    ["", ".", "..", "%2E%2E", "a%2Fb", "%00", "a%0Ab", "%ff", "%", "%zz", "x" * 201, "%F0%9F%94%91" * 201],
)
def test_a_user_id_that_cannot_be_one_is_refused(service: Service, segment: str) -> None:
    """400; sent as it stands, since clients would tidy the path."""
    status, body = raw(
        service,
        f"POST /users/{segment}/AddPhysicalKey HTTP/1.1",
        b'{"orgId": "example_string"}',
    )
    assert (400, 400) == (status, body["code"])
    assert ["id"] == [detail["field"] for detail in body["details"]]


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_a_declared_gigabyte_is_refused_before_it_comes(service: Service) -> None:
    """413 at once; the rest is not waited for."""
    status, _ = raw(service, "POST /users/ada/AddPhysicalKey HTTP/1.1", b"{", declared=2**30)
    assert 413 == status


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_a_body_cut_off_in_the_middle_enqueues_nothing(service: Service) -> None:
    """The connection closes before the declared length."""
    head = request_head(service, "POST /users/ada/AddPhysicalKey HTTP/1.1", 500)
    with socket.create_connection(address(service), timeout=10) as connection:
        connection.sendall(head + b'{"orgId": "example_string"')
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0]


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_a_wrong_content_length_is_refused(service: Service) -> None:
    """Shorter than the body: what is left is no request of ours."""
    status, _ = raw(
        service, "POST /users/ada/AddPhysicalKey HTTP/1.1", b'{"orgId": "example_string"}', declared=5
    )
    assert 400 == status


def address(service: Service) -> tuple[str, int]:
    parts = urlsplit(service.url)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


def request_head(service: Service, line: str, length: int) -> bytes:
    headers = [
        line,
        f"Host: {service.url.removeprefix('http://')}",
        f"X-API-Key: {service.demo['apiKey']}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return "\r\n".join([*headers, "", ""]).encode()


def raw(
    service: Service, line: str, body: bytes, *, declared: int | None = None
) -> tuple[int, dict[str, Any]]:
    """Send bytes as they stand; the status and body of the answer."""
    head = request_head(service, line, len(body) if declared is None else declared)
    with socket.create_connection(address(service), timeout=10) as connection:
        connection.sendall(head + body)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith((b"}", b"0\r\n\r\n")):
            part = connection.recv(65_536)
            if not part:
                break
            answer += part
    top, _, content = answer.partition(b"\r\n\r\n")
    return int(top.split(b" ")[1]), json.loads(content) if content.startswith(b"{") else {}
