"""A receipt against a trust file, in the steps of docs/protocol.md, Verifying."""
from hashlib import sha256

from .anchor import assert_level, raised, verify_anchored
from .keys import ANSWER, COMMAND, Jws, parse_jwk, signers_of, thumbprint
from .schema import (
    ACCEPT, ACCESS, BODIES, ERASE, FACES, RECEIPT, RULES, TALLY, UPGRADED, VOID, check, fits, instant, instant_ms,
)
from .text import Refused, canonical, from_base64url, hash_text, need, parse_canonical, parse_proof
from .trust import within, without_final_newline

LEVELS = ("committed", "cosigned", "anchored")
STOPPED = ("GRANT_REVOKED", "GRANT_SUSPENDED", "ANCESTOR_NOT_IN_FORCE")


def verify_receipt(text, trust):
    """Raises Refused unless all of it holds."""
    # 1. The envelope; a gateway that the trust file knows signed it.
    file, later, anchored, pinned = parse_canonical(without_final_newline(text), 256 * 1024, 4), None, None, None
    if "v" in file:
        need(file["v"] == "quanji.upgraded.v1", "VERSION_UNKNOWN")
        check(UPGRADED, file)
        file, later, anchored = file["receipt"], file["proof"], file.get("anchored")
    jws = Jws(file, ANSWER, 64 * 1024, 12)
    need(jws.header["typ"] == "quanji-receipt+jws", "TYP_MISMATCH")
    receipt = jws.payload
    need(receipt.get("v") == "quanji.receipt.v1", "VERSION_UNKNOWN")
    check(RECEIPT, receipt)
    gateways = [row for row in trust.trust["gateways"] if row["kid"] == jws.header["kid"]]
    need(gateways, "GATEWAY_UNKNOWN")
    need(parse_jwk(receipt["keys"]["gateway"]) == gateways[0]["jwk"], "KEY_THUMBPRINT")
    jws.verify(gateways[0]["jwk"])
    # 2. The record, and that it is from a log of that gateway.
    record = Record(receipt["record"])
    gateway = next((row for row in gateways if row["log"] == record.face["log"]), None)
    need(gateway is not None, "LOG_MISMATCH")
    # 3. The requester signed the request, for this network, log and gateway.
    request = Request(receipt["request"])
    request.verify(record, parse_jwk(receipt["keys"]["requester"]))
    need(request.payload["net"] == trust.trust["net"], "NETWORK_MISMATCH")
    need(request.payload["log"] == record.face["log"], "LOG_MISMATCH")
    need(request.jws.header["url"] == gateway["publicUrl"] + request.path, "URL_MISMATCH")
    # 4. The record says what was asked, and the status what was decided.
    request.assert_says(record)
    need(receipt["status"] == record.status, "STATUS_MISMATCH")
    # 5. What is opened was committed to.
    for path, opening in receipt["openings"].items():
        verify_opening(path, opening, record, request)
    verify_erased(receipt, record, trust)
    # 6. The record is in the log, under a checkpoint that counts.
    level, size, root = verify_included(record, receipt["proof"], trust)
    need(within(gateway, size), "KEY_EXPIRED_AT_SIZE")
    # 7. The level, raised by a later proof beside the receipt.
    need(LEVELS.index(receipt["level"]) <= LEVELS.index(level), "LEVEL_FALSE")
    if later is not None:
        beside, wider, other = verify_included(record, later, trust)
        need(size != wider or root == other, "FORK")
        level = max(level, beside, key=LEVELS.index)
    # 8. An outside chain holds the log.
    if anchored is not None:
        face = record.face
        pinned = verify_anchored(anchored, face["log"], face["index"], record.ms, wider, other, trust)
        level = raised(level, pinned, trust)
    assert_level(level, pinned, trust)


class Record:
    def __init__(self, text):
        lines = text.split("\n")
        need(len(lines) == 2, "NOT_CANONICAL")
        self.face, self.body = face, body = [parse_canonical(line) for line in lines]
        need(printable(face) and printable(body), "NOT_CANONICAL")
        need(face.get("v") == "quanji.record.v1", "VERSION_UNKNOWN")
        need(isinstance(face.get("type"), str) and face["type"] in FACES, "TYPE_UNKNOWN")
        self.type = face["type"]
        need(fits(FACES[self.type], face) is None and fits(BODIES[self.type], body) is None, "FIELD_UNKNOWN")
        need(self.type in ("void", "tally") or ("grant" in body) == ("grant" in body["links"]), "LINK_MISSING")
        self.ms = instant_ms(body["time"])
        agrees = face["hour"] == body["time"][:13] + "Z" and face["unit"] == body["requester"].partition("#")[0]
        agrees = agrees and (self.type != "access" or self.decided())
        follows = self.type != "acceptance" or body["access"] < body["delivery"] < face["index"]
        counts = self.type != "tally" or body["from"] < body["to"] <= face["index"]
        counts = counts and (self.type != "tally" or body["served"] <= body["to"] - body["from"])
        need(agrees and follows and counts, "RECORD_CONTRADICTS")
        hashes = [sha256(line.encode()).digest() for line in lines]
        self.leaf = sha256(b"\x00" + hashes[0] + hashes[1]).digest()

    def decided(self):
        body, permit = self.body, self.face["decision"] == "permit"
        return (
            (body["rule"] == "permit") == permit
            and body.get("deliverBefore") == (instant(self.ms + 30_000) if permit else None)
            and ("grant" in body) == ("grant" in body["basis"])
            and ("ancestors" not in body["basis"] or "grant" in body)
            and not (permit and "grant" not in body)
            and ("stop" not in body or body["rule"] in STOPPED)
        )

    @property
    def status(self):
        return RULES.get(self.body["rule"], 200) if self.type == "access" else 200


def printable(value):
    if isinstance(value, str):
        return all(" " <= c <= "~" for c in value)
    if isinstance(value, (dict, list)):
        return all(map(printable, value.values() if isinstance(value, dict) else value))
    return True


class Request:
    def __init__(self, jws):
        self.jws = Jws(jws, COMMAND)
        kinds = {
            "quanji-access+jws": ("access", ACCESS, "/v1/access"),
            "quanji-access.void+jws": ("void", VOID, "/v1/commands/access.void"),
            "quanji-tally.sign+jws": ("tally", TALLY, "/v1/commands/tally.sign"),
            "quanji-access.accept+jws": ("acceptance", ACCEPT, "/v1/commands/access.accept"),
        }
        need(self.jws.header["typ"] in kinds, "TYP_MISMATCH")
        self.type, schema, self.path = kinds[self.jws.header["typ"]]
        self.payload = check(schema, self.jws.payload)

    def verify(self, record, key):
        need(self.jws.print == thumbprint(key), "KEY_THUMBPRINT")
        need(self.jws.party == record.face["unit"], "KEY_PARTY")
        self.jws.verify(key)

    def assert_says(self, record):
        body, face, payload = record.body, record.face, self.payload
        need(self.jws.request == body["request"], "REQUEST_MISMATCH")
        need(self.jws.header["kid"] == body["requester"], "REQUEST_CONTENT")
        need(self.type == ("access" if record.type == "delivery" else record.type), "TYP_MISMATCH")
        if record.type == "void":
            need(body["seq"] == payload["seq"], "REQUEST_CONTENT")
        elif record.type == "tally":
            same = [body["resource"].rpartition("@")[0]] + [body[name] for name in ("from", "to", "served")]
            need(same == [payload[name] for name in ("resource", "from", "to", "served")], "REQUEST_CONTENT")
        elif record.type == "acceptance":
            same = (body["access"], body["digest"], body["rows"], body.get("subjects"))
            said = (payload["record"], payload["digest"], payload["rows"], payload.get("subjects"))
            need(same == said, "REQUEST_CONTENT")
        else:
            grant = body["grant"].rpartition("@")[0] if "grant" in body else payload.get("grant")
            same = (body["resource"].rpartition("@")[0], face["purpose"], grant)
            need(same == (payload["resource"], payload["purpose"], payload.get("grant")), "REQUEST_CONTENT")
            tags = body.get("subjects") if body.get("subjects") != "bulk" else None
            need(tags == payload.get("subjects"), "REQUEST_CONTENT")
        if record.type == "access":
            same = (body["action"], body["quantity"]) == (payload["action"], payload["quantity"])
            need(same, "REQUEST_CONTENT")
        if record.type != "delivery":
            need(abs(record.ms - self.jws.header["iat"] * 1000) <= 120_000, "TIME_BRACKET")


def commitment(context, path, opening):
    salt = from_base64url(opening["salt"])
    return hash_text(b"\x04" + salt + canonical([*context, path, opening["value"]]).encode())


def verify_opening(path, opening, record, request):
    if path in ("links.grant", "links.party", "links.resource"):
        link = record.body["links"].get(path[6:])
        need(link is not None, "LINK_MISSING")
        need(commitment([record.body["id"]], path, opening) == link, "LINK_OPENING")
        value = opening["value"]
        need(fits({"n": lambda n: type(n) is int, "prev": is_hash}, value) is None, "LINK_OPENING")
        return
    committed = request.payload.get(path) if path in ("operator", "query") else None
    need(isinstance(committed, str), "COMMITMENT_MISMATCH")
    context = [request.jws.header["kid"], request.jws.header["jti"]]
    need(commitment(context, path, opening) == committed, "COMMITMENT_MISMATCH")


def erasures_of(command):
    """What an erasing command names, one a field."""
    payload = command.payload
    return [
        {"id": named["id"], "index": named["index"], "field": field, "log": payload["log"],
         "resource": payload["resource"], "by": command.jws.party}
        for named in payload["records"] for field in named["fields"]
    ]


def names(erasure, record):
    """Whether an erasure is of that record."""
    if erasure is None or record.type != "access":
        return False
    own = (record.face["log"], record.face["index"], record.body["id"], record.body["resource"].rpartition("@")[0])
    return own == (erasure["log"], erasure["index"], erasure["id"], erasure["resource"])


def assert_erased(erasure, record, trust):
    need(names(erasure, record), "ERASURE_UNPROVEN")
    may = (record.face["unit"], record.face["steward"], trust.trust["regulator"])
    need(erasure["by"] in may, "ROLE_REQUIRED")


def verify_erased(receipt, record, trust):
    from .trail import Command

    found = []
    for said in receipt.get("erased", []):
        command = Command(said)
        need(command.verb == "record.erase", "ERASURE_UNPROVEN")
        check(ERASE, command.payload)
        need(command.payload["net"] == trust.trust["net"], "NETWORK_MISMATCH")
        urls = [row["publicUrl"] + "/v1/commands/record.erase" for row in trust.trust["gateways"]]
        need(command.jws.header["url"] in urls, "URL_MISMATCH")
        key = parse_jwk(said["key"])
        need(command.jws.print == thumbprint(key), "KEY_THUMBPRINT")
        command.jws.verify(key)
        found.append((said["field"], erasures_of(command)))
    for field, erasures in found:
        opened = [each for each in erasures if each["field"] in receipt["openings"]]
        need(not any(names(each, record) for each in opened), "ERASURE_UNDONE")
        own = [each for each in erasures if each["field"] == field and names(each, record)]
        assert_erased(own[0] if own else None, record, trust)


def is_hash(value):
    try:
        return isinstance(value, str) and len(from_base64url(value)) == 32
    except Refused:
        return False


def verify_included(record, text, trust):
    """(level, size of the tree, its root)"""
    index, hashes, note, (origin, size, root) = parse_proof(text)
    need(index == record.face["index"], "INDEX_MISMATCH")
    need(origin == record.face["log"], "LOG_MISMATCH")
    level = verify_checkpoint(note, origin, size, trust)
    verify_path(index, size, record.leaf, hashes, root)
    return level, size, root


def verify_checkpoint(note, origin, size, trust):
    need(any(row["origin"] == origin for row in trust.trust["logs"]), "LOG_UNKNOWN")
    own = {key: row for key, row in trust.log_keys if row["log"] == origin}
    need(own, "LOG_UNKNOWN")
    signed = signers_of(note, own)
    need(signed, "LOG_SIGNATURE_INVALID")
    witnesses = trust.policy.witnesses
    cosigned = signers_of(note, witnesses.values())
    need(any(within(own[key], size) for key in signed), "KEY_EXPIRED_AT_SIZE")
    if not trust.trust["testClock"]:
        need(all(time * 1000 <= trust.now + 300_000 for time in cosigned.values()), "TIME_FUTURE")
    present = {name for name, key in witnesses.items() if key in cosigned}
    reached = trust.policy.quorum != "none" and trust.policy.reached(present)
    return "cosigned" if reached else "committed"


def path_root(index, size, leaf, hashes):
    """RFC 9162 §2.1.3.2."""
    need(index < size, "INDEX_RANGE")
    path, last, found = index, size - 1, leaf
    for sibling in hashes:
        need(last > 0, "PROOF_LENGTH")
        if path & 1 or path == last:
            found = sha256(b"\x01" + sibling + found).digest()
            while not path & 1 and path:
                path, last = path >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + sibling).digest()
        path, last = path >> 1, last >> 1
    need(last == 0, "PROOF_LENGTH")
    return found


def verify_path(index, size, leaf, hashes, root):
    need(path_root(index, size, leaf, hashes) == root, "INCLUSION_INVALID")
