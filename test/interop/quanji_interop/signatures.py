"""ES256 (FIPS 186-5, P-256) and Ed25519 (RFC 8032), verification only. Slow and plain: public values, nothing to leak."""
from hashlib import sha256, sha512

# P-256: y² = x³ − 3x + b over the field of P, group of prime order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def on_p256(x, y):
    return x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def p256_add(a, b):
    """Affine; None is the neutral element."""
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def p256_mul(k, point):
    total = None
    while k:
        if k & 1:
            total = p256_add(total, point)
        point = p256_add(point, point)
        k >>= 1
    return total


def es256(x, y, data, signature):
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    if not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, -1, N)
    e = int.from_bytes(sha256(data).digest(), "big")
    point = p256_add(p256_mul(e * inverse % N, G), p256_mul(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


# edwards25519: −x² + y² = 1 + d·x²·y² over the field of Q, base point of prime order L.
Q = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q
ROOT = pow(2, (Q - 1) // 4, Q)
#: y of the points of order 1, 2, 4 and 8, without the sign of x.
SMALL_ORDER = {
    0,
    1,
    Q - 1,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
}


def is_weak(key):
    """Small order, or a y that is not below Q."""
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return len(key) != 32 or y >= Q or y in SMALL_ORDER


def decode_point(key):
    """Extended coordinates (X, Y, Z, T), or None for what is on no curve."""
    y = int.from_bytes(key, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    if (x * x - square) % Q:
        x = x * ROOT % Q
    if (x * x - square) % Q or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = Q - x
    return x, y, 1, x * y % Q


def edwards_add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0])
    b = (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % Q, g * h % Q, f * g % Q, e * h % Q


def edwards_mul(k, point):
    total = (0, 1, 1, 0)
    while k:
        if k & 1:
            total = edwards_add(total, point)
        point = edwards_add(point, point)
        k >>= 1
    return total


def encode_point(point):
    inverse = pow(point[2], -1, Q)
    x, y = point[0] * inverse % Q, point[1] * inverse % Q
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decode_point((4 * pow(5, -1, Q) % Q).to_bytes(32, "little"))


def ed25519(key, data, signature):
    """RFC 8032 §5.1.7 without the cofactor: S below L, and the encoding of [S]B − [k]A is R byte for byte."""
    point, s = decode_point(key), int.from_bytes(signature[32:], "little")
    if point is None or s >= L:
        return False
    k = int.from_bytes(sha512(signature[:32] + key + data).digest(), "little") % L
    minus = (Q - point[0], point[1], 1, Q - point[3])
    return encode_point(edwards_add(edwards_mul(s, BASE), edwards_mul(k, minus))) == signature[:32]
