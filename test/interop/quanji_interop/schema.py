"""Fields of what a receipt holds. A schema is {name: check}; a name that ends in `?` may be absent."""
import re
from datetime import datetime, timezone

from .text import DIGEST, SAFE, refuse


def pattern(text):
    expression = re.compile(text)
    return lambda value: isinstance(value, str) and expression.fullmatch(value) is not None


def one_of(*values):
    return lambda value: isinstance(value, str) and value in values


def integer(least=0, most=SAFE):
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def string(value):
    return isinstance(value, str)


def items(check, least, most, distinct=False):
    return lambda value: (
        isinstance(value, list)
        and least <= len(value) <= most
        and all(map(check, value))
        and (not distinct or len(set(value)) == len(value))
    )


def fits(schema, value):
    """None, or the name of the first field that does not fit; `+` for a field that is not known."""
    if not isinstance(value, dict):
        return "?"
    for name, check in schema.items():
        name, optional = name.rstrip("?"), name.endswith("?")
        if name not in value:
            if optional:
                continue
            return name
        found = fits(check, value[name]) if isinstance(check, dict) else None if check(value[name]) else name
        if found is not None:
            return found
    known = {name.rstrip("?") for name in schema}
    return next(("+" for name in value if name not in known), None)


def check(schema, value):
    found = fits(schema, value)
    if found is not None:
        refuse("FIELD_UNKNOWN" if found == "+" else "SALT_LENGTH" if found == "salt" else "MALFORMED")
    return value


def instant_ms(text):
    """Ms since 1970 of YYYY-MM-DDTHH:MM:SS.mmmZ, or None."""
    try:
        time = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    ms = round(time.timestamp() * 1000)
    return ms if instant(ms) == text else None


def instant(ms):
    time = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def is_instant(value):
    return isinstance(value, str) and instant_ms(value) is not None


def is_day_or_instant(value):
    return isinstance(value, str) and (is_instant(value) or (len(value) == 10 and is_instant(f"{value}T00:00:00.000Z")))


digest = lambda value: isinstance(value, str) and DIGEST.fullmatch(value) is not None
any_value = lambda value: True

NET = pattern(r"[a-z0-9][a-z0-9./-]{2,95}")
LOG = pattern(r"[a-z0-9][a-z0-9./-]{2,95}/[a-z][a-z0-9-]{0,31}/(0|[1-9][0-9]{0,3})")
PARTY = pattern(r"[A-Za-z0-9:._-]{1,128}")
KID = pattern(r"[A-Za-z0-9:._-]{1,128}#[A-Za-z0-9_-]{43}")
UUID = pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CODE = pattern(r"[a-z][A-Za-z0-9.-]{0,63}")
FIELD = pattern(r"[A-Za-z][A-Za-z0-9_]{0,63}")
ORG = r"[a-z][A-Za-z0-9]{0,31}"
RESOURCE = pattern(r"[a-z]{3}/[a-z0-9.@-]{1,64}")
RESOURCE_VERSION = pattern(r"[a-z]{3}/[a-z0-9.@-]{1,64}@[1-9][0-9]{0,8}")
GRANT_VERSION = pattern(r"[0-9a-f-]{36}@[1-9][0-9]{0,8}")
PRINTABLE = pattern(r"[ -~]{1,200}")
ACTION = one_of("query", "verify", "compute", "derive", "export", "subgrant")

JWS = {"payload": string, "protected": string, "signature": string}
JWK = {"crv": one_of("P-256", "Ed25519"), "kty": one_of("EC", "OKP"), "x": digest, "y?": digest}
PARTY_JWK = JWK | {"crv": one_of("P-256", "Ed25519", "secp256k1")}
def is_tags(value):
    """Rising tags of data subjects, 1 to 64."""
    if not isinstance(value, list) or not 1 <= len(value) <= 64 or not all(map(digest, value)):
        return False
    return all(a < b for a, b in zip(value, value[1:]))


OPENING = {"salt": digest, "value": any_value}
PATH = items(digest, 0, 63)


def openings(value):
    name = pattern(r"[a-z][A-Za-z0-9.]{0,63}")
    if not isinstance(value, dict) or not all(map(name, value)):
        return False
    for opening in value.values():
        check(OPENING, opening)
    return True


RECEIPT = {
    "v": one_of("quanji.receipt.v1"),
    "block": integer(),
    "index": integer(),
    "txId": pattern(r"[0-9a-f]{64}"),
    "level": one_of("committed", "cosigned", "anchored"),
    "status": integer(200, 599),
    "keys": {"gateway": JWK, "requester": JWK},
    "record": string,
    "openings": openings,
    "request": JWS,
    "proof": string,
}

ADDRESS = pattern(r"0x[0-9a-f]{40}")
BLOCK = pattern(r"0x[0-9a-f]{64}")
ANCHORED = {
    "anchor": {
        "v": one_of("quanji.anchor.v1"),
        "chain": integer(1),
        "contract": ADDRESS,
        "log": LOG,
        "size": integer(1),
        "root": digest,
        "block": BLOCK,
        "header": pattern(r"[A-Za-z0-9_-]{1,4096}"),
        "transaction": integer(),
        "event": integer(),
        "proof": items(pattern(r"[A-Za-z0-9_-]{1,24576}"), 1, 16),
    },
    "consistency": items(digest, 0, 63),
}

UPGRADED = {"v": one_of("quanji.upgraded.v1"), "receipt": JWS, "proof": string, "anchored?": ANCHORED}

ACCESS = {
    "net": NET,
    "log": LOG,
    "seq": integer(),
    "resource": RESOURCE,
    "grant?": UUID,
    "action": ACTION,
    "purpose": CODE,
    "fields": items(FIELD, 1, 128, distinct=True),
    "range?": {"from": is_day_or_instant, "to": is_day_or_instant},
    "environment": {
        "kind": one_of("api", "sandbox", "tee", "federated", "bonded"),
        "jurisdiction": pattern(r"[A-Z]{2}|[0-9]{6}"),
    },
    "operator": digest,
    "query?": digest,
    "subjects?": is_tags,
    "mode": one_of("normal"),
    "quantity": integer(1, 10_000_000),
    "retryOf?": digest,
    "atLeast?": {"block": integer()},
}
VOID = {"net": NET, "log": LOG, "seq": integer()}
TALLY = {"net": NET, "log": LOG, "resource": RESOURCE, "from": integer(), "to": integer(), "served": integer()}
ACCEPT = {"net": NET, "log": LOG, "record": integer(), "digest": digest, "rows": integer(), "subjects?": is_tags}

#: Rules that deny, with the status of the answer.
RULES = dict.fromkeys(
    "PARTY_INACTIVE ORDER_FROZEN RESOURCE_SUSPENDED BOUNDARY_FORBIDS BOUNDARY_APPROVAL GRANT_MISSING NOT_GRANTEE "
    "GRANT_REVOKED GRANT_SUSPENDED GRANT_PENDING GRANT_NOT_YET GRANT_EXPIRED ANCESTOR_NOT_IN_FORCE "
    "ACTION_OUTSIDE_GRANT PURPOSE_OUTSIDE_GRANT FIELDS_OUTSIDE_GRANT RANGE_OUTSIDE_GRANT ENVIRONMENT_OUTSIDE_GRANT "
    "JURISDICTION_OUTSIDE_GRANT".split(),
    403,
) | {"KEY_INVALID": 401, "RATE_EXCEEDED": 429, "QUOTA_EXCEEDED": 429}

FACE = {
    "hour": pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}Z"),
    "index": integer(),
    "log": LOG,
    "unit": PARTY,
    "v": one_of("quanji.record.v1"),
    "type": string,
}
USE = {"class": CODE, "count": integer(), "purpose": CODE, "steward": PARTY}
FACES = {
    "access": FACE | USE | {"decision": one_of("permit", "deny")},
    "delivery": FACE | USE,
    "acceptance": FACE | USE,
    "void": FACE,
    "tally": FACE | {"class": CODE},
}

BODY = {
    "id": UUID,
    "nonce": pattern(r"[A-Za-z0-9_-]{21}[AQgw]"),
    "request": digest,
    "requester": KID,
    "time": is_instant,
}
LINKS = {"grant?": digest, "party": digest, "resource": digest}
BASIS = {
    "ancestors?": items(integer(), 1, 8),
    "boundary": integer(),
    "grant?": integer(),
    "orders": integer(),
    "party": integer(),
    "resource": integer(),
}
BODIES = {
    "access": BODY
    | {
        "action": ACTION,
        "basis": BASIS,
        "deliverBefore?": is_instant,
        "grant?": GRANT_VERSION,
        "links": LINKS,
        "obligations": items(PRINTABLE, 0, 128),
        "quantity": integer(1),
        "resource": RESOURCE_VERSION,
        "rule": one_of("permit", *RULES),
        "stop?": digest,
        "subjects?": lambda value: value == "bulk" or is_tags(value),
        "used": integer(),
    },
    "delivery": BODY
    | {
        "access": integer(),
        "bytes": integer(),
        "digest": digest,
        "grant": GRANT_VERSION,
        "links": LINKS,
        "masked": items(PRINTABLE, 0, 128),
        "outcome": one_of("delivered", "partial", "failed", "unknown"),
        "resource": RESOURCE_VERSION,
        "rows": integer(),
        "subjects?": is_tags,
    },
    "acceptance": BODY
    | {
        "access": integer(),
        "basis": {"party": integer()},
        "delivery": integer(),
        "digest": digest,
        "grant": GRANT_VERSION,
        "links": LINKS,
        "resource": RESOURCE_VERSION,
        "rows": integer(),
        "subjects?": is_tags,
    },
    "tally": BODY
    | {
        "basis": {"party": integer(), "resource": integer()},
        "from": integer(),
        "links": {"resource": digest},
        "resource": RESOURCE_VERSION,
        "served": integer(),
        "to": integer(),
    },
    "void": BODY | {"links": {"party": digest}, "seq": integer()},
}


def by_org(check_value):
    name = re.compile(ORG)
    return lambda value: (
        isinstance(value, dict) and all(name.fullmatch(org) and check_value(item) for org, item in value.items())
    )


def rows(schema, least=0, most=SAFE):
    def check_rows(value):
        if not isinstance(value, list) or not least <= len(value) <= most:
            return False
        for row in value:
            check(schema, row)
        return True

    return check_rows


BOUNDS = {"from": integer(), "to?": integer()}
TRUST = {
    "v": one_of("quanji.trust.v1"),
    "version": integer(1),
    "prev?": digest,
    "net": NET,
    "expires": is_instant,
    "testClock": lambda value: isinstance(value, bool),
    "timeZone": string,
    "genesis": digest,
    "init": digest,
    "configs": items(digest, 0, SAFE),
    "gateways": rows(
        {"name": pattern(r"[a-z][a-z0-9-]{0,31}"), "kid": string, "jwk": JWK, "publicUrl": string, "log": LOG} | BOUNDS
    ),
    "logs": rows({"origin": LOG, "org": pattern(ORG)}),
    "keys": rows({"vkey": string, "log": LOG} | BOUNDS),
    "heads": by_org(string),
    "blocks?": by_org(string),
    "msps": by_org(items(string, 0, SAFE)),
    "policy": string,
    "signers": rows({"kid": string, "jwk": JWK}, 1),
    "threshold": integer(1),
    "regulator": PARTY,
    "anchors?": rows({"chain": integer(1), "contract": ADDRESS, "blocks": items(BLOCK, 0, 4096)}, 1, 16),
}
TRUST_FILE = {"payload": string, "signatures": rows({"protected": string, "signature": string}, 1, 64)}

ERASABLE = one_of("operator", "query")
ERASE = {
    "net": NET,
    "resource": RESOURCE,
    "log": LOG,
    "records": rows({"id": UUID, "index": integer(), "fields": items(ERASABLE, 1, 2, distinct=True)}, 1, 64),
    "basis": one_of("retention", "request", "order"),
    "ground?": digest,
}
RECEIPT["erased?"] = rows({"field": ERASABLE, "entry": string, "request": JWS, "key": PARTY_JWK}, 1, 2)
SEAL = {
    "net": NET,
    "resource": RESOURCE,
    "log": LOG,
    "order": UUID,
    "authority": lambda value: isinstance(value, str) and 1 <= len(value.encode("utf-16-le")) // 2 <= 200,
    "until": is_instant,
    "ground": digest,
    "records": rows({"index": integer(), "leaf": digest}, 1, 64),
}
UNSEAL = {"net": NET, "resource": RESOURCE, "order": UUID, "ground": digest}

INDEX_FACE = {
    "hour": pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}Z"),
    "index": integer(),
    "log": LOG,
    "type": one_of("index"),
    "v": one_of("quanji.record.v1"),
}
INDEX_BODY = {
    "day": pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "from": integer(),
    "id": UUID,
    "nonce": pattern(r"[A-Za-z0-9_-]{21}[AQgw]"),
    "prev?": digest,
    "root": digest,
    "size": integer(),
    "through": is_instant,
    "time": is_instant,
    "to": integer(),
}
SUBJECT_TAGS = rows({"quarter": pattern(r"20[0-9]{2}Q[1-4]"), "tag": digest}, 1, 64)
