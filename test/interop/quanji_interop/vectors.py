"""`python3 -m quanji_interop.vectors FILE`: the vectors of Ethereum keys, recomputed. Prints `ok`, or what differs."""
import json
import sys

from . import ethereum
from .keccak import keccak
from .keys import COMMAND, Jws, parse_jwk, thumbprint
from .text import Refused, from_base64url


def differences(vectors):
    jwk = parse_jwk(vectors["jwk"])
    x, y = (int.from_bytes(from_base64url(jwk[name]), "big") for name in ("x", "y"))
    if ethereum.times(int(vectors["secret"], 16), ethereum.G) != (x, y):
        yield "key"
    if "0x" + keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:].hex() != vectors["address"]:
        yield "address"
    if thumbprint(jwk) != vectors["thumbprint"]:
        yield "thumbprint"
    for i, row in enumerate(vectors["commands"]):
        jws = Jws(row["jws"], COMMAND)
        signed = ethereum.command(jws.header, jws.payload)
        shown = row["typedData"]["message"]["payload"]
        if (jws.request, "0x" + signed.hex(), ethereum.lines(jws.payload)) != (row["request"], row["signed"], shown):
            yield f"command {i}"
        if verdict(jws, jwk) != "ok":
            yield f"signature {i}"
    said = vectors["possession"]
    signed = ethereum.possession(said["net"], said["party"], vectors["thumbprint"])
    good = ethereum.verifies(x, y, signed, from_base64url(said["signature"]))
    if "0x" + signed.hex() != said["signed"] or not good:
        yield "possession"
    for row in vectors["refused"]:
        if verdict(Jws(row["jws"], COMMAND), jwk) != "SIGNATURE_INVALID":
            yield row["why"]


def verdict(jws, jwk):
    try:
        jws.verify(jwk)
        return "ok"
    except Refused as refused:
        return refused.code


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        found = list(differences(json.load(file)))
    print(", ".join(found) or "ok")
    sys.exit(1 if found else 0)
