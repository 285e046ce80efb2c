"""What only a development start has: a token issuer and a certificate of its own, in the data folder.

Neither is ever made for servers of your own: there, tokens come from your issuer and https from your proxy
or your certificate.
"""

import ipaddress
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from keyledger.contract.settings import Issuer

from .configured import CommandError
from .embedded import DataFolder

ISSUER: Final = "keyledger-dev"
AUDIENCE: Final = "keyledger"
KEY_ID: Final = "dev"
ISSUER_FILE: Final = "dev-issuer.pem"
CERTIFICATE_FILE: Final = "tls-certificate.pem"
CERTIFICATE_KEY_FILE: Final = "tls-key.pem"
CERTIFICATE_DAYS: Final = 365
_RENEW_DAYS: Final = 30


def make_issuer(folder: DataFolder) -> Issuer:
    """The development issuer of this folder, made when it is first asked for."""
    path = folder.path / ISSUER_FILE
    if not path.is_file():
        folder.write_private(ISSUER_FILE, _private_pem(Ed25519PrivateKey.generate()))
    public = _issuer_key(folder.path).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Issuer(issuer=ISSUER, audience=AUDIENCE, algorithms=["EdDSA"], keys={KEY_ID: pem.decode()})


def mint_token(data: Path, *, organisation: str | None, user: str | None, ttl_s: int) -> str:
    """A token of the development issuer in `data`. CommandError when there is none."""
    now_s = int(time.time())
    claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "iat": now_s, "exp": now_s + ttl_s}
    if organisation is not None:
        claims |= {"org_id": organisation, "sub": f"service:{organisation}"}
    else:
        claims["sub"] = user
    return jwt.encode(claims, _issuer_key(data), algorithm="EdDSA", headers={"kid": KEY_ID})


def make_certificate(folder: DataFolder, now: datetime) -> tuple[Path, Path]:
    """A self-made certificate for local clients, and its key; made anew before it expires."""
    certificate, key = folder.path / CERTIFICATE_FILE, folder.path / CERTIFICATE_KEY_FILE
    if certificate.is_file() and key.is_file():
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        if known.not_valid_after_utc - now > timedelta(days=_RENEW_DAYS):
            return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keyledger development")])
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, hashes.SHA256())
    )
    folder.write_private(CERTIFICATE_KEY_FILE, _private_pem(private))
    folder.write_private(CERTIFICATE_FILE, made.public_bytes(serialization.Encoding.PEM).decode())
    return certificate, key


def utc_now() -> datetime:
    return datetime.now(UTC)


def _private_pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _issuer_key(data: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key((data / ISSUER_FILE).read_bytes(), password=None)
    except FileNotFoundError:
        raise CommandError(
            f"There is no development issuer in {data}: only keyledger up with its own servers makes one"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CommandError(f"{data / ISSUER_FILE} is not the Ed25519 key that keyledger up made")
    return key
