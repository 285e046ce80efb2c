"""Verifies ed25519 signatures by the formulas of RFC 8032, section 5.1, and by nothing else: independent of
the library that signs. Slow, and good for public data only.
"""

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Is it a signature of the message under this key? Wrong lengths and points are ValueErrors."""
    if len(public_key) != 32 or len(signature) != 64:
        raise ValueError("a public key has 32 bytes, a signature 64")
    r, s = _point(signature[:32]), int.from_bytes(signature[32:], "little")
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(digest, "little") % ORDER
    return s < ORDER and _times(s, BASE) == _plus(r, _times(k, _point(public_key)))


def _plus(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def _times(factor: int, point: Point) -> Point:
    result = (0, 1)
    while factor:
        if factor & 1:
            result = _plus(result, point)
        point = _plus(point, point)
        factor >>= 1
    return result


def _x_of(y: int, is_odd: bool) -> int:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        raise ValueError("not a point of the curve")
    return P - x if (x & 1) != is_odd else x


def _point(encoded: bytes) -> Point:
    number = int.from_bytes(encoded, "little")
    y = number & (2**255 - 1)
    return _x_of(y, bool(number >> 255)), y


BASE: Point = (_x_of(4 * pow(5, -1, P) % P, is_odd=False), 4 * pow(5, -1, P) % P)
