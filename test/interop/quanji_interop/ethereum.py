"""Commands signed with an Ethereum key: EIP-712 typed data under ECDSA over secp256k1, verification only."""
import json
from hashlib import sha256

from .keccak import keccak

# secp256k1: y² = x³ + 7 over the field of P, group of prime order N. SEC 2 §2.4.1
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def on_curve(x, y):
    return x < P and y < P and (y * y - x * x * x - 7) % P == 0


def add(a, b):
    """Affine; None is the neutral element."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    while k:
        if k & 1:
            total = add(total, point)
        point = add(point, point)
        k >>= 1
    return total


def verifies(x, y, data, signature):
    """`data`: 0x19 0x01 and two hashes. Of the two signatures that ECDSA has, only the one with the lower s is one."""
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    if not (0 < r < N and 0 < s <= N // 2) or len(data) != 66 or data[:2] != b"\x19\x01":
        return False
    inverse = pow(s, -1, N)
    e = int.from_bytes(keccak(data), "big")
    point = add(times(e * inverse % N, G), times(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


# EIP-712


def text(value):
    return keccak(value.encode())


def struct(kind, *members):
    return keccak(text(kind) + b"".join(members))


def typed(net, message):
    salt = sha256(net.encode()).digest()
    domain = struct("EIP712Domain(string name,string version,bytes32 salt)", text("Quanji"), text("1"), salt)
    return b"\x19\x01" + domain + message


def command(header, payload):
    """What the signature of a command is over, before Keccak."""
    message = struct(
        "Command(string verb,string net,string[] payload,string kid,string url,uint64 iat,string jti)",
        text(header["typ"][len("quanji-") : -len("+jws")]),
        text(payload["net"]),
        keccak(b"".join(map(text, lines(payload)))),
        text(header["kid"]),
        text(header["url"]),
        header["iat"].to_bytes(32, "big"),
        text(header["jti"]),
    )
    return typed(payload["net"], message)


def possession(net, party, thumbprint):
    kind = "Possession(string net,string party,string thumbprint)"
    return typed(net, struct(kind, text(net), text(party), text(thumbprint)))


def lines(value, path=""):
    """One for each value, in canonical order: `terms/purposes/0: "credit.review"`."""
    if isinstance(value, dict):
        inner = [(name, value[name]) for name in sorted(value)]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        return [f"{path}: {json.dumps(value, ensure_ascii=False)}"]
    if not inner:
        return [f"{path}: {'{}' if isinstance(value, dict) else '[]'}"]
    return [line for name, item in inner for line in lines(item, f"{path}/{name}" if path else name)]
