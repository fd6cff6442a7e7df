"""
A trail: that nothing is missing from it, and that every request and command in it was signed by a key of its party. The
decisions are not made again here, nor is it asked whether a command was one that its signer could give.
"""
from hashlib import sha256

from .anchor import assert_level, raised, verify_anchored
from .judge import Judge, extend, sealed_leaf, start_of
from .keys import COMMAND, Jws, parse_jwk, signers_of, thumbprint
from .receipt import Record, erasures_of, is_hash, verify_included, verify_opening
from .schema import (
    ANCHORED, ERASABLE, ERASE, JWS, LOG, NET, PATH, SEAL, SUBJECT_TAGS, UNSEAL, check, digest, fits, instant, instant_ms,
    integer, is_instant, is_tags, items, one_of, openings, rows, string,
)
from .subject import Asked, SubjectSection
from .text import (
    KEY_NAME,
    canonical,
    from_base64url,
    hash_text,
    need,
    parse_canonical,
    parse_note,
    read_decimal,
    read_hash,
    read_text,
    refuse,
    to_base64url,
)

HEAD = {"h": digest, "n": integer(), "salt": digest}
OPENING = {"salt": digest, "value": lambda value: True}
CHAINS = (
    "directory", "boundary", "orders", "party", "resource", "grant", "acts", "openings",
    "attestation", "cap", "offer", "contract", "books", "disclosures",
)
#: Chains that live in an organisation's collection.
HIDDEN = ("grant", "acts", "openings", "offer", "contract", "books", "disclosures")
LINES = {
    "trail": {
        "t": string,
        "v": string,
        "net": NET,
        "key": {"kind": one_of("grant", "resource", "party", "subject"), "id": string},
        "tags?": SUBJECT_TAGS,
        "bulk?": lambda value: isinstance(value, bool),
        "from?": is_instant,
        "to?": is_instant,
    },
    "chain": {"t": string, "scope": string, "kind": one_of(*CHAINS), "id": string},
    "command": {"t": string, "entry": string, "request": JWS},
    "withheld": {"t": string, "entry": string},
    "chainEnd": {"t": string, "note": string, "opening": HEAD},
    "log": {
        "t": string,
        "log": LOG,
        "start": lambda value: fits({"n": integer(0, 0)}, value) is None
        or fits({"record": string, "opening": OPENING}, value) is None,
        "size?": integer(),
    },
    "day": {
        "t": string,
        "r": string,
        "leaves": rows({"i": integer(), "tag": digest, "state": digest, "path": PATH, "o?": HEAD}, 0, 256),
    },
    "record": {
        "t": string, "r": string, "o": openings, "e?": items(ERASABLE, 1, 2, distinct=True), "q?": JWS, "p?": PATH,
    },
    "sealed": {"t": string, "f": digest, "b": digest, "o?": openings, "tags?": is_tags, "p?": PATH},
    "logEnd": {
        "t": string,
        "log": LOG,
        "note?": string,
        "opening?": HEAD,
        "proof?": string,
        "next?": {"record": string, "opening": OPENING, "proof": string},
        "anchored?": ANCHORED,
    },
    "end": {"t": string, "count": integer(), "digest": digest},
}
#: Chain that a command belongs to, by the first word of its verb.
GROUPS = {
    "network": "directory",
    "gateway": "directory",
    "log": "directory",
    "clock": "directory",
    "boundary": "boundary",
    "order": "orders",
    "party": "party",
    "resource": "resource",
    "grant": "grant",
    "record": "openings",
    "attest": "attestation",
    "attestation": "attestation",
    "price": "cap",
    "offer": "offer",
    "tariff": "offer",
    "contract": "contract",
    "indicator": "contract",
    "statement": "contract",
    "invoice": "contract",
    "certificate": "contract",
    "books": "books",
    "disclosure": "disclosures",
}
VERBS = set(
    "network.init gateway.register log.create clock.set party.register party.admit party.rotateKey party.compromiseKey "
    "party.tagKey party.openTagKey "
    "party.suspend party.resume resource.register resource.amend resource.suspend resource.resume boundary.publish "
    "order.freeze order.lift grant.request grant.offer grant.derive grant.accept grant.approve grant.refuse "
    "grant.withdraw grant.suspend grant.revoke grant.resume grant.allot record.erase "
    "record.seal record.unseal attest attestation.withdraw price.cap offer.list offer.delist tariff.publish "
    "contract.sign contract.terminate".split()
)
#: Of a contract, what happens to one of its months.
WITHHOLDABLE = set(
    "statement.close statement.dispute statement.adjust invoice.issue invoice.settle certificate.issue "
    "certificate.revoke indicator.sign".split()
)
ZERO = "A" * 43


class Trail:
    def __init__(self, trust):
        self.trust, self.net = trust, trust.trust["net"]
        self.header = self.chain = self.section = None
        self.chains, self.scopes, self.sections, self.world, self.done = {}, {}, {}, None, False
        self.count, self.hashing = 0, sha256()

    def read(self, data, number):
        need(not self.done, "LINE_ORDER")
        limit = 3 * 1024 * 1024 if data.startswith(b'{"entry":') else 64 * 1024
        line = parse_canonical(data, limit, 12)
        kind = line.get("t")
        need(isinstance(kind, str) and kind in LINES, "TYPE_UNKNOWN")
        need(kind != "trail" or line.get("v") == "quanji.trail.v1", "VERSION_UNKNOWN")
        check(LINES[kind], line)
        need((kind == "trail") == (number == 1), "LINE_ORDER")
        getattr(self, f"on_{kind}")(line)
        self.hashing.update(data + b"\n")

    # 1. The header.
    def on_trail(self, line):
        need(line["net"] == self.net, "NETWORK_MISMATCH")
        need("from" not in line or "to" not in line or line["from"] < line["to"], "TRAIL_START")
        of_subject = line["key"]["kind"] == "subject"
        need(of_subject == ("tags" in line and "bulk" in line), "TAG_QUARTER")
        self.header, self.to = line, line.get("to")

    # 2. Command chains.
    def on_chain(self, line):
        need(self.chain is None and self.world is None, "LINE_ORDER")
        key = (line["scope"], line["kind"], line["id"])
        need(key[1:] not in self.chains, "TRAIL_DUPLICATE")
        private = key[0].startswith(f"{self.net}/org-")
        named = key[1] not in ("directory", "boundary", "orders") or key[2] == self.net
        need(named and (private if key[1] in HIDDEN else key[0] == self.net), "CHAIN_KEY")
        self.chain, self.head, self.commands, self.requests = key, (0, start_of(key)), [], set()

    def on_command(self, line):
        need(self.chain is not None, "LINE_ORDER")
        command = Command(line)
        need(command.payload.get("net") == self.net, "NETWORK_MISMATCH")
        need(command.belongs(*self.chain[1:]), "CHAIN_KEY")
        self.extend(line, command.jws.request)
        self.commands.append(command)

    def on_withheld(self, line):
        need(self.chain is not None, "LINE_ORDER")
        entry = opened_entry(line["entry"])
        need(entry["verb"] in WITHHOLDABLE and self.chain[1] == "contract", "COMMAND_WITHHELD")
        self.extend(line, entry["request"])

    def extend(self, line, request):
        need(request not in self.requests, "REQUEST_REPLAYED")
        self.requests.add(request)
        self.head = extend(self.head, sha256(b"\x00" + line["entry"].encode()).digest())

    def on_chainEnd(self, line):
        need(self.chain is not None, "LINE_ORDER")
        kind = self.chain[1]
        head, _, time = self.verify_head(line["note"], line["opening"], self.chain, self.net, kind not in HIDDEN)
        stale = "DIRECTORY_STALE" if kind == "directory" else "TRAIL_STALE"
        need(self.head[0] >= head[0], "DIRECTORY_STALE" if kind == "directory" else "TRAIL_TRUNCATED")
        need(self.head[0] <= head[0], "TRAIL_STALE")
        need(self.head == head, "LEAF_MISMATCH")
        need(self.to is None or time >= self.to, stale)
        self.chains[self.chain[1:]] = self.commands
        self.scopes[self.chain[1:]] = self.chain[0], time
        self.chain = None

    def verify_head(self, text, opening, key, scope, public):
        """((n, h), position, time) that the note attests."""
        note = parse_note(text)
        at, h0, state, time = parse_head_note(note[0])
        self.verify_heads_signatures(note)
        need(h0 == start_of(key) and at[0] == scope, "CHAIN_KEY")
        need(self.trust.trust["testClock"] or time * 1000 <= self.trust.now + 300_000, "TIME_FUTURE")
        empty = {"n": 0, "h": to_base64url(start_of(key)), "salt": ZERO}
        if state is None:
            need(opening is None or opening == empty, "STATE_OPENING")
            return (0, start_of(key)), at, instant(time * 1000)
        need(opening is not None and (not public or opening["salt"] == ZERO), "STATE_OPENING")
        need(sha256(canonical(opening).encode()).digest() == state, "STATE_OPENING")
        return (opening["n"], from_base64url(opening["h"])), at, instant(time * 1000)

    def verify_heads_signatures(self, note):
        trust = self.trust
        signed = signers_of(note, trust.heads.values())
        others = [key for key, _ in trust.log_keys] + list(trust.policy.witnesses.values())
        misused = any((name, key_id) == (key.name, key.id) for name, key_id, _ in note[1] for key in others)
        need(signed or not misused, "KEY_PURPOSE")
        need(signed, "LOG_SIGNATURE_INVALID")
        members = trust.policy.organisations
        organisations = {org for org, key in trust.heads.items() if key in signed and org in members}
        need(trust.policy.quorum == "none" or trust.policy.reached(organisations), "WITNESS_QUORUM")

    # 3. What the chains say of keys, gateways and logs.
    def replayed(self):
        need(self.chain is None, "LINE_ORDER")
        if self.world is None:
            self.world = World(self.chains, self.scopes, self.trust)
            if self.header["key"]["kind"] == "subject":
                self.asked = Asked(self.header, self.trust.trust["timeZone"])
        return self.world

    # 4. Logs.
    def on_log(self, line):
        world = self.replayed()
        need(self.section is None, "LINE_ORDER")
        need(line["log"] not in self.sections, "TRAIL_DUPLICATE")
        of_subject = self.header["key"]["kind"] == "subject"
        self.section = SubjectSection(line, self, world) if of_subject else Section(line, self, world)

    def on_day(self, line):
        need(isinstance(self.section, SubjectSection), "LINE_ORDER")
        self.section.day(line)

    def on_record(self, line):
        need(self.section is not None, "LINE_ORDER")
        self.count += 1
        self.section.record(line)

    def on_sealed(self, line):
        need(self.section is not None, "LINE_ORDER")
        self.count += 1
        self.section.sealed(line)

    def on_logEnd(self, line):
        need(self.section is not None, "LINE_ORDER")
        time, proven = self.section.end(line)
        level, pinned = self.anchored(line, proven)
        need(self.to is None or time is None or time >= self.to, "TRAIL_STALE")
        if level is not None:
            assert_level(level, pinned, self.trust)
        self.sections[self.section.log], self.section = level, None

    def anchored(self, line, proven):
        """(level or None, whether the block of the anchor is pinned, None where there is none that counts)"""
        if proven is None:
            need("anchored" not in line, "RECORD_MISSING")
            return None, None
        record, (level, size, root) = proven
        if "anchored" not in line:
            return level, None
        ms = None if isinstance(record, Hidden) else record.ms
        face = record.face
        pinned = verify_anchored(line["anchored"], face["log"], face["index"], ms, size, root, self.trust)
        return raised(level, pinned, self.trust), pinned

    # 5. The end.
    def on_end(self, line):
        need(self.section is None, "FILE_TRUNCATED")
        whole = line["count"] == self.count and line["digest"] == to_base64url(self.hashing.digest())
        need(whole, "FILE_TRUNCATED")
        key = self.header["key"]
        logs = self.replayed().logs_of(key["kind"], key["id"])
        need(logs is not None, "CHAIN_MISSING")
        need(all(log in self.sections for log in logs), "LOG_SET_INCOMPLETE")
        self.done = True


def parse_head_note(text):
    """((scope, number, hash), h0, state or None, seconds)"""
    code = "HEAD_NOTE_MALFORMED"
    lines = read_text(text, 64 * 1024, code).split("\n")
    need(len(lines) == 7 and lines[0] == "quanji/trail-head/v1" and lines[6] == "", code)
    values = []
    for line, (label, count) in zip(lines[1:6], (("at", 3), ("key", 1), ("state", 1), ("block", 2), ("time", 1))):
        words = line.split(" ")
        need(words[0] == label and len(words) == count + 1, code)
        values.append(words[1:])
    (scope, number, root), (h0,), (state,), (block, block_hash), (time,) = values
    need(KEY_NAME.fullmatch(scope), code)
    at = scope, read_decimal(number, code), read_hash(root)
    h0, state = read_hash(h0), None if state == "none" else read_hash(state)
    read_decimal(block, code), read_hash(block_hash)
    seconds = read_decimal(time, code)
    need(seconds * 1000 <= 8.64e15, code)
    return at, h0, state, seconds


def opened_entry(text):
    entry = parse_canonical(text)
    need(entry.get("v") == "quanji.entry.v1", "VERSION_UNKNOWN")
    schema = {"v": string, "request": is_hash, "tx": string, "verb": string, "time": is_instant}
    need(fits(schema, entry) is None, "FIELD_UNKNOWN")
    return entry


class Command:
    def __init__(self, line):
        entry = opened_entry(line["entry"])
        typ = parse_canonical(from_base64url(line["request"]["protected"])).get("typ")
        self.verb = typ[len("quanji-") : -len("+jws")] if isinstance(typ, str) else ""
        need(self.verb in VERBS, "TYP_MISMATCH")
        limit = 1024 * 1024 if self.verb == "boundary.publish" else 16 * 1024
        # Splits of a contract lie up to eight deep, three levels each.
        depth = 27 if self.verb == "contract.sign" else 8
        self.time = entry["time"]
        self.jws = Jws(line["request"], COMMAND, limit, depth)
        need(self.jws.request == entry["request"], "REQUEST_MISMATCH")
        need(self.verb == entry["verb"], "TYP_MISMATCH")
        self.payload = self.jws.payload

    def belongs(self, kind, name):
        if self.verb == "network.init" and kind == "party":
            return self.payload["regulator"]["party"] == name
        if kind == "acts":
            return self.jws.header["kid"].rpartition("#")[0] == name
        if GROUPS[self.verb.partition(".")[0]] != kind:
            return False
        if kind == "grant" and "grant" not in self.payload:
            return self.payload.get("target") == hash_text(canonical(["stop", name]).encode())
        if kind == "books":
            return f"{self.payload.get('period')}/{self.payload.get('currency')}" == name
        if kind == "disclosures":
            return self.jws.header["kid"].rpartition("#")[0] == name
        named = "resource" if kind in ("openings", "cap") else kind
        return kind in ("directory", "boundary", "orders") or self.payload.get(named) == name


class World:
    """Keys, gateways and logs as the chains name them."""

    def __init__(self, chains, scopes, trust):
        directory = chains.get(("directory", trust.trust["net"]))
        need(directory is not None, "LOG_SET_INCOMPLETE")
        self.chains, self.net, self.regulator = chains, trust.trust["net"], trust.trust["regulator"]
        first = directory[0] if directory else refuse("GENESIS_MISMATCH")
        same = first.jws.request == trust.trust["init"] and all(each.verb != "network.init" for each in directory[1:])
        need(first.verb == "network.init" and same, "GENESIS_MISMATCH")
        init = first.payload
        stated = (init["regulator"]["party"], init["timeZone"], init["testClock"])
        need(stated == tuple(trust.trust[name] for name in ("regulator", "timeZone", "testClock")), "GENESIS_MISMATCH")
        self.gateways, self.logs = {}, {}
        for gateway in init["gateways"] + [c.payload["gateway"] for c in directory if c.verb == "gateway.register"]:
            self.gateways.setdefault(gateway["name"], []).append(gateway["publicUrl"])
        for command in directory:
            if command.verb == "log.create":
                self.logs[command.payload["log"]] = command.payload["gateway"]
        self.parties = {name: keys_of(chain) for (kind, name), chain in chains.items() if kind == "party"}
        order = sorted(chains, key=lambda name: (name[0] != "directory", name[0] != "party"))
        for name in order:
            for command in chains[name]:
                self.verify(command)
        self.erased, self.orders, self.sealed, self.leaves = {}, {}, {}, {}
        for (kind, name), chain in chains.items():
            if kind == "openings":
                self.replay_openings(name, chain, *scopes[(kind, name)])

    def replay_openings(self, name, chain, scope, attested):
        """Erasures by log, index and field; sealed entries by log and leaf."""
        resource = self.chains.get(("resource", name))
        need(resource, "CHAIN_MISSING")
        need(scope == f"{self.net}/org-{resource[0].payload['servedBy']}", "CHAIN_KEY")
        for command in chain:
            if command.verb != "record.erase":
                self.seal(command, attested)
                continue
            payload = check(ERASE, command.payload)
            for erasure in erasures_of(command):
                place = (payload["log"], erasure["index"], erasure["field"])
                need(place not in self.erased, "COMMAND_REFUSED")
                self.erased[place] = erasure

    def seal(self, command, attested):
        payload = check(SEAL if command.verb == "record.seal" else UNSEAL, command.payload)
        order, now = self.orders.get(payload["order"]), instant_ms(command.time)
        need(command.jws.party == self.regulator, "ROLE_REQUIRED")
        if command.verb == "record.unseal":
            fits_order = order is not None and order["resource"] == payload["resource"] and not order["lifted"]
            need(fits_order and instant_ms(order["until"]) > now, "COMMAND_REFUSED")
            order["lifted"] = True
            return
        ahead = instant_ms(payload["until"]) - now
        need(order is None and 0 < ahead <= 731 * 86_400_000, "COMMAND_REFUSED")
        self.orders[payload["order"]] = order = {
            "resource": payload["resource"], "until": payload["until"], "lifted": False, "attested": attested,
        }
        for row in payload["records"]:
            self.sealed.setdefault((payload["log"], row["leaf"]), []).append((order, row["index"]))
            self.leaves[(payload["log"], row["index"])] = row["leaf"]

    def sealed_index(self, log, leaf):
        found = self.sealed.get((log, leaf))
        need(found is not None, "SEAL_UNPROVEN")
        live = [index for order, index in found if not order["lifted"] and order["until"] > order["attested"]]
        need(live, "SEAL_EXPIRED")
        return live[0]

    def verify(self, command):
        if command.verb in ("network.init", "party.register"):
            keys = keys_of([command])
            party = command.payload.get("party") or command.payload["regulator"]["party"]
            need(command.jws.party == party, "KEY_PARTY")
            need(command.jws.print in keys, "KEY_THUMBPRINT")
        else:
            keys = self.parties.get(command.jws.party)
            need(keys is not None, "CHAIN_MISSING")
            need(command.jws.print in keys, "KEY_PARTY")
        command.jws.verify(keys[command.jws.print])
        url, path = command.jws.header["url"], f"/v1/commands/{command.verb}"
        known = any(url == base + path for bases in self.gateways.values() for base in bases)
        need(known, "URL_MISMATCH")

    def logs_of(self, kind, name):
        if kind in ("party", "subject"):
            return list(self.logs) if name in self.parties else None
        named = [c.payload["logs"] for c in self.chains.get((kind, name), []) if "logs" in c.payload]
        return named[-1] if named else None


def keys_of(commands):
    """Every key that a party ever had, by thumbprint."""
    found = {}
    for command in commands:
        payload = command.payload
        jwk = payload["regulator"]["jwk"] if command.verb == "network.init" else payload.get("key", {}).get("jwk")
        if jwk is not None:
            found[thumbprint(parse_jwk(jwk))] = jwk
    return found


class Hidden:
    """Of a sealed entry, what is known."""

    def __init__(self, log, index, leaf, ms):
        self.face, self.leaf, self.ms = {"log": log, "index": index}, leaf, ms


class Section(Judge):
    """One log of the trail of a grant, resource or party."""

    def __init__(self, line, trail, world):
        need("size" not in line, "FIELD_UNKNOWN")
        super().__init__(line, trail, world)
        self.key = (self.log, self.kind, self.id)
        self.head, self.last, self.skipped, self.shown = (0, start_of(self.key)), None, None, 0
        start = line["start"]
        if "record" in start:
            record = Record(start["record"])
            self.assert_own(record)
            since = trail.header.get("from")
            need(since is not None and record.body["time"] < since, "TRAIL_START")
            self.head = extend(self.link(record, start["opening"]), record.leaf)
            self.last, self.before = record, record.face["index"]

    def assert_own(self, record):
        need(record.face["log"] == self.log, "LOG_MISMATCH")
        body = record.body
        party = "" if record.type == "tally" else body["requester"].partition("#")[0]
        touched = party if self.kind == "party" else body.get(self.kind, "").rpartition("@")[0]
        need(touched == self.id, "TRAIL_FOREIGN")

    def link(self, record, opening):
        """(n, h) of the chain before the record."""
        need(self.kind in record.body["links"], "LINK_MISSING")
        need(opening is not None, "LINK_OPENING")
        verify_opening(f"links.{self.kind}", opening, record, None)
        return opening["value"]["n"], from_base64url(opening["value"]["prev"])

    def record(self, line):
        need("p" not in line, "FIELD_UNKNOWN")
        # 1. The next in the chain.
        record = Record(line["r"])
        self.assert_own(record)
        path = f"links.{self.kind}"
        need(all(name == path or not name.startswith("links.") for name in line["o"]), "LINK_OPENING")
        before = self.link(record, line["o"].get(path))
        if self.skipped is not None:
            need(before[0] != self.skipped, "TRAIL_ORDER")
            return
        if before[0] > self.head[0]:
            self.skipped = self.head[0]
            return
        self.assert_follows(record, before)
        self.head, self.last, self.shown = extend(before, record.leaf), record, self.shown + 1
        self.judge(line, record)

    def sealed(self, line):
        """An entry that an order hides: counted by its leaf."""
        need(not {"p", "tags"} & set(line), "FIELD_UNKNOWN")
        leaf = sealed_leaf(line)
        need(self.kind != "party", "SEAL_UNPROVEN")
        index = self.world.sealed_index(self.log, to_base64url(leaf))
        if self.skipped is not None:
            return
        need(self.last is None or index > self.last.face["index"], "TRAIL_ORDER")
        self.head, self.shown = extend(self.head, leaf), self.shown + 1
        self.last = Hidden(self.log, index, leaf, 0 if self.last is None else self.last.ms)
        self.hide(index)

    def assert_follows(self, record, before):
        if before[0] < self.head[0]:
            fork = before[0] == self.head[0] - 1 and self.last is not None and self.last.leaf != record.leaf
            refuse("CHAIN_FORK" if fork else "TRAIL_DUPLICATE")
        need(before[1] == self.head[1], "CHAIN_KEY" if before[0] == 0 else "LEAF_MISMATCH")
        if self.last is not None:
            need(record.face["index"] > self.last.face["index"], "TRAIL_ORDER")
            need(record.ms >= self.last.ms, "TIME_ORDER")

    def end(self, line):
        """(time or None, the record that is proven and (level, size, root), or None)"""
        need(line["log"] == self.log, "LOG_MISMATCH")
        need(self.skipped is None, "TRAIL_GAP" if self.shown else "TRAIL_START")
        if "note" in line and "next" not in line:
            return self.end_at_tip(line)
        plain = not {"note", "opening", "proof"} & set(line)
        need("next" in line and plain, "TRAIL_TRUNCATED")
        record = Record(line["next"]["record"])
        to = self.trail.to
        need(to is not None and record.body["time"] >= to, "TRAIL_STALE")
        self.assert_own(record)
        before = self.link(record, line["next"]["opening"])
        need(before[0] <= self.head[0], "TRAIL_TRUNCATED")
        self.assert_follows(record, before)
        return None, (record, verify_included(record, line["next"]["proof"], self.trust))

    def end_at_tip(self, line):
        head, at, time = self.trail.verify_head(line["note"], line.get("opening"), self.key, self.log, False)
        need(self.head[0] >= head[0], "ABSENCE_UNPROVEN" if self.last is None else "TRAIL_TRUNCATED")
        need(self.head[0] <= head[0], "TRAIL_STALE")
        need(self.head == head, "LEAF_MISMATCH")
        if self.kind == "party" and self.before is None:
            need(all(len(seqs) == max(seqs) + 1 for seqs in self.seqs.values()), "SEQ_GAP")
        if self.last is None:
            need("proof" not in line, "RECORD_MISSING")
            return time, None
        need("proof" in line, "PROOF_MISSING")
        proven = verify_included(self.last, line["proof"], self.trust)
        need(at[1] > self.last.face["index"], "TRAIL_STALE")
        root = parse_note(line["proof"].partition("\n\n")[2])[0].split("\n")[2]
        need(proven[1] != at[1] or read_hash(root) == at[2], "FORK")
        return time, (self.last, proven)


def verify_trail(text, trust):
    """Raises Refused unless nothing is missing and every signature holds."""
    trail = Trail(trust)
    lines = text.encode("utf-8", "surrogatepass").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, 1):
        trail.read(line, number)
    need(trail.done, "FILE_TRUNCATED")
