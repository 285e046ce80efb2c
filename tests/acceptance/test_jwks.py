"""Tokens of an issuer whose keys come from its JWKS URL."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.deployment import Deployment, deployment


class Issuer:
    """An issuer on loopback: keys by kid, and how often they were asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.asked = 0
        self.is_broken = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                body = b"{" if issuer.is_broken else json.dumps({"keys": issuer.public()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"

    def public(self) -> list[dict[str, Any]]:
        return [
            {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "ES256"}
            for kid, key in self.keys.items()
        ]

    def token(self, kid: str, key: ec.EllipticCurvePrivateKey | None = None) -> dict[str, str]:
        claims = {"iss": "https://issuer", "aud": "keyledger", "exp": time.time() + 60, "org_id": "acme"}
        signed = jwt.encode(claims, key or self.keys[kid], algorithm="ES256", headers={"kid": kid})
        return {"Authorization": f"Bearer {signed}"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def deployed(redis_url: str, database_url: str, tmp_path: Path, issuer: Issuer) -> Iterator[Deployment]:
    with deployment(redis_url, database_url, tmp_path) as made:
        trusted = [
            {
                "issuer": "https://issuer",
                "audience": "keyledger",
                "algorithms": ["ES256"],
                "jwks_url": issuer.url,
            }
        ]
        made.start_producer(jwt_issuers=json.dumps(trusted))
        made.client.http.headers.pop("X-API-Key")
        yield made


def test_keys_come_from_the_jwks_url_and_are_remembered(deployed: Deployment, issuer: Issuer) -> None:
    """Fetched once; a stranger's key with the same kid is refused."""
    issuer.keys["a"] = ec.generate_private_key(ec.SECP256R1())
    stranger = ec.generate_private_key(ec.SECP256R1())
    read = deployed.client.http.get
    assert 404 == read("/users/ada/PhysicalKeys", headers=issuer.token("a")).status_code
    assert 401 == read("/users/ada/PhysicalKeys", headers=issuer.token("a", stranger)).status_code
    assert 1 == issuer.asked


def test_unknown_kids_do_not_make_us_ask_again_and_again(deployed: Deployment, issuer: Issuer) -> None:
    """At most once in half a minute, however many tokens come."""
    issuer.keys["a"] = ec.generate_private_key(ec.SECP256R1())
    read = deployed.client.http.get
    assert 404 == read("/users/ada/PhysicalKeys", headers=issuer.token("a")).status_code
    for kid in range(5):
        key = ec.generate_private_key(ec.SECP256R1())
        assert 401 == read("/users/ada/PhysicalKeys", headers=issuer.token(f"x{kid}", key)).status_code
    assert 1 == issuer.asked


def test_an_issuer_whose_keys_cannot_be_had_is_503(deployed: Deployment, issuer: Issuer) -> None:
    """It is not the client's fault."""
    issuer.is_broken = True
    issuer.keys["a"] = ec.generate_private_key(ec.SECP256R1())
    answer = deployed.client.http.get("/users/ada/PhysicalKeys", headers=issuer.token("a"))
    assert 503 == answer.status_code
    assert "retry-after" in answer.headers
