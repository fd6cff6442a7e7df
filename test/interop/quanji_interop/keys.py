"""Keys, JWS and the keys of notes."""
import re
from functools import lru_cache
from hashlib import sha256

from . import ethereum
from .signatures import ed25519, es256, is_weak, on_p256
from .text import (
    DIGEST,
    KEY_NAME,
    canonical,
    from_base64,
    from_base64url,
    hash_text,
    need,
    parse_canonical,
    read_text,
    refuse,
)

#: Files that differ by one line hold the same signatures.
ed25519_once = lru_cache(4096)(ed25519)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
KID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,127}#" + DIGEST.pattern)
TYP = re.compile(r"quanji-[a-zA-Z.]{1,48}\+jws")


def parse_jwk(jwk):
    kinds = {("EC", "P-256", True), ("OKP", "Ed25519", False), ("EC", "secp256k1", True)}
    need((jwk["kty"], jwk["crv"], "y" in jwk) in kinds, "ALG_FORBIDDEN")
    x = from_base64url(jwk["x"])
    if jwk["kty"] == "EC":
        y = from_base64url(jwk["y"])
        on_curve = on_p256 if jwk["crv"] == "P-256" else ethereum.on_curve
        need(len(x) == len(y) == 32 and on_curve(int.from_bytes(x, "big"), int.from_bytes(y, "big")), "KEY_WEAK")
    else:
        need(not is_weak(x), "KEY_WEAK")
    return jwk


def algorithm(jwk):
    return {"P-256": "ES256", "Ed25519": "EdDSA", "secp256k1": "EIP712"}[jwk["crv"]]


def verifies(jwk, data, signature):
    return verify_once(jwk["crv"], jwk["x"], jwk.get("y"), data, signature)


@lru_cache(4096)
def verify_once(crv, x, y, data, signature):
    x = from_base64url(x)
    if crv == "Ed25519":
        return ed25519_once(x, data, signature)
    y = from_base64url(y)
    check = es256 if crv == "P-256" else ethereum.verifies
    return check(int.from_bytes(x, "big"), int.from_bytes(y, "big"), data, signature)


def thumbprint(jwk):
    return hash_text(canonical(jwk).encode())


class Jws:
    """A flattened JWS whose form is certain and whose signature is not checked yet."""

    def __init__(self, jws, members, max_bytes=16 * 1024, max_depth=8):
        need(
            isinstance(jws, dict)
            and set(jws) == {"payload", "protected", "signature"}
            and all(isinstance(part, str) for part in jws.values()),
            "JWS_SHAPE",
        )
        need(len(jws["payload"]) <= max_bytes * 1.4, "LIMIT_EXCEEDED")
        need(len(jws["protected"]) <= 16 * 1024 and len(jws["signature"]) <= 128, "LIMIT_EXCEEDED")
        self.header = header = parse_canonical(from_base64url(jws["protected"]))
        need(set(header) == set(members), "HEADER_FORBIDDEN")
        if "iat" in members:
            jti, url = header["jti"], header["url"]
            need(isinstance(header["iat"], int) and not isinstance(header["iat"], bool), "JWS_SHAPE")
            need(isinstance(jti, str) and UUID.fullmatch(jti), "JWS_SHAPE")
            need(isinstance(url, str) and len(url) <= 2048, "JWS_SHAPE")
        need(header["alg"] in ("ES256", "EdDSA") + (("EIP712",) if "iat" in members else ()), "ALG_FORBIDDEN")
        need(isinstance(header["kid"], str) and KID.fullmatch(header["kid"]), "JWS_SHAPE")
        need(isinstance(header["typ"], str) and TYP.fullmatch(header["typ"]), "TYP_MISMATCH")
        need(header["alg"] != "EIP712" or header["typ"] not in BY_PROGRAMS, "ALG_FORBIDDEN")
        self.signature = from_base64url(jws["signature"])
        need(len(self.signature) == 64, "JWS_SHAPE")
        self.payload = parse_canonical(from_base64url(jws["payload"]), max_bytes, max_depth)
        self.input = f"{jws['protected']}.{jws['payload']}".encode()
        self.request = hash_text(self.input)
        self.party, _, self.print = header["kid"].partition("#")

    def verify(self, jwk):
        need(self.header["alg"] == algorithm(jwk), "ALG_FORBIDDEN")
        typed = self.header["alg"] == "EIP712"
        signed = ethereum.command(self.header, self.payload) if typed else self.input
        need(verifies(jwk, signed, self.signature), "SIGNATURE_INVALID")


#: Nobody reads these in a wallet, so no Ethereum key signs them.
BY_PROGRAMS = {
    f"quanji-{verb}+jws" for verb in ("access", "access.void", "access.accept", "tally.sign", "boundary.publish")
}
COMMAND = ("alg", "iat", "jti", "kid", "typ", "url")
ANSWER = ("alg", "kid", "typ")


class NoteKey:
    """`kind`: 1 signs notes, 4 cosigns checkpoints."""

    def __init__(self, vkey, kind):
        parts = re.fullmatch(r"([^+]+)\+([0-9a-f]{8})\+(.+)", read_text(vkey, 1024, "VKEY_MALFORMED"), re.S)
        need(parts, "VKEY_MALFORMED")
        data = from_base64(parts[3])
        need(data[:1] in (b"\x01", b"\x04"), "ALG_FORBIDDEN")
        need(data[0] == kind, "KEY_PURPOSE")
        need(KEY_NAME.fullmatch(parts[1]), "VKEY_MALFORMED")
        need(not is_weak(data[1:]), "KEY_WEAK")
        self.vkey, self.name, self.kind, self.key = vkey, parts[1], kind, data[1:]
        self.id = sha256(self.name.encode() + b"\n" + data).digest()[:4]
        need(self.id.hex() == parts[2], "KEY_THUMBPRINT")

    def time_of(self, text, data):
        """None for a signature, seconds for a cosignature."""
        if self.kind == 1:
            need(not text.startswith("cosignature/v1"), "KEY_PURPOSE")
            need(len(data) == 64 and ed25519_once(self.key, text.encode(), data), "LOG_SIGNATURE_INVALID")
            return None
        time = int.from_bytes(data[:8], "big")
        cosigned = f"cosignature/v1\ntime {time}\n{text}".encode()
        good = len(data) == 72 and time < 2**53 and ed25519_once(self.key, cosigned, data[8:])
        return time if good else refuse("WITNESS_SIGNATURE_INVALID")


def signers_of(note, keys):
    """{key: time} of those that signed, each once. A known key whose signature fails refuses the note."""
    text, signatures = note
    found = {}
    for name, key_id, data in signatures:
        key = next((key for key in keys if key.name == name and key.id == key_id), None)
        if key is not None:
            time = key.time_of(text, data)
            found.setdefault(key, time)
    return found
