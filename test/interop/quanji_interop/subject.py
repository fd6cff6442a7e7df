"""One log of a data subject's trail: its indexes without a hole, what each says of the tags asked for, and the records."""
from datetime import datetime, timezone
from hashlib import sha256

from .judge import Judge, extend, sealed_leaf, start_of
from .receipt import Record, path_root, verify_included, verify_path
from .schema import INDEX_BODY, INDEX_FACE, fits, instant, instant_ms
from .text import canonical, from_base64url, need, parse_canonical, to_base64url

#: How long before and after its quarter a tag may be used, ms.
GRACE = 120_000
EMPTY_ROOT = to_base64url(sha256(b"").digest())
MAX_SUBJECTS = 64


def bulk_tag(steward):
    return to_base64url(sha256(b"\x06" + canonical(["bulk", steward]).encode()).digest())


def quarter_bounds(quarter, time_zone):
    """Ms since 1970 of its first moment and of that of the next."""
    sign = -1 if time_zone[0] == "-" else 1
    shift = sign * (int(time_zone[1:3]) * 60 + int(time_zone[4:6])) * 60_000
    year, month = int(quarter[:4]), (int(quarter[5]) - 1) * 3 + 1
    ends = (year, month), (year + 1, 1) if month == 10 else (year, month + 3)
    return [int(datetime(y, m, 1, tzinfo=timezone.utc).timestamp()) * 1000 - shift for y, m in ends]


class Asked:
    """The tags of a trail, each with the time in which it may be used."""

    def __init__(self, header, time_zone):
        bounds = [quarter_bounds(row["quarter"], time_zone) for row in header["tags"]]
        need(all(one[1] == two[0] for one, two in zip(bounds, bounds[1:])), "TAG_QUARTER")
        self.since, self.until = bounds[0][0], bounds[-1][1]
        since, until = (instant_ms(header[name]) if name in header else None for name in ("from", "to"))
        need(since is None or since >= self.since, "TAG_QUARTER")
        need(until is None or until <= self.until, "TAG_QUARTER")
        self.since = self.since if since is None else since
        self.until = self.until if until is None else until
        self.windows = [(row["tag"], *each) for row, each in zip(header["tags"], bounds)]
        if header["bulk"]:
            self.windows.append((bulk_tag(header["key"]["id"]), float("-inf"), float("inf")))


class Index:
    def __init__(self, text):
        lines = text.split("\n")
        need(len(lines) == 2, "NOT_CANONICAL")
        self.face, self.body = face, body = [parse_canonical(line) for line in lines]
        need(face.get("v") == "quanji.record.v1", "VERSION_UNKNOWN")
        need(face.get("type") == "index", "TYPE_UNKNOWN")
        need(fits(INDEX_FACE, face) is None and fits(INDEX_BODY, body) is None, "FIELD_UNKNOWN")
        agrees = face["hour"] == body["time"][:13] + "Z" and body["from"] <= body["to"] <= face["index"]
        agrees = agrees and body["through"] <= body["time"]
        agrees = agrees and body["size"] <= (body["to"] - body["from"]) * MAX_SUBJECTS
        agrees = agrees and (body["size"] == 0) == (body["root"] == EMPTY_ROOT)
        need(agrees and (body["from"] == 0 or "prev" in body), "RECORD_CONTRADICTS")
        self.through, self.ms = instant_ms(body["through"]), instant_ms(body["time"])
        hashes = [sha256(line.encode()).digest() for line in lines]
        self.leaf = sha256(b"\x00" + hashes[0] + hashes[1]).digest()

    def follows(self, before):
        body, last = self.body, before.body
        placed = body["from"] == last["to"] and body.get("prev") == to_base64url(before.leaf)
        return placed and self.face["index"] > before.face["index"] and self.through >= before.through


class SubjectSection(Judge):
    def __init__(self, line, trail, world):
        need("n" in line["start"] and "size" in line, "LINE_ORDER")
        super().__init__(line, trail, world)
        self.asked, self.size = trail.asked, line["size"]
        self.root = self.index = None
        self.heads, self.last, self.last_ms = {}, -1, 0

    def day(self, line):
        self.close_index()
        index, before, leaves = Index(line["r"]), self.index, line["leaves"]
        body = index.body
        need(index.face["log"] == self.log, "LOG_MISMATCH")
        starts = before is None and "prev" in body
        need(not starts or index.through <= self.asked.since - GRACE, "INDEX_GAP")
        need(before is None or index.follows(before), "INDEX_GAP")
        self.index, self.last = index, body["from"] - 1
        if starts:
            need(not leaves, "LINE_ORDER")
            self.before = body["to"] - 1
            return
        last = -1, ""
        for leaf in leaves:
            need(last[0] < leaf["i"] and last[1] < leaf["tag"], "ABSENCE_UNPROVEN")
            last = leaf["i"], leaf["tag"]
            hashed = sha256(b"\x07" + from_base64url(leaf["tag"]) + from_base64url(leaf["state"])).digest()
            path = [from_base64url(each) for each in leaf["path"]]
            verify_path(leaf["i"], body["size"], hashed, path, from_base64url(body["root"]))
        since = float("-inf") if before is None else before.through
        for tag, begin, end in self.asked.windows:
            if index.through < begin - GRACE or since >= end + GRACE or tag in self.heads:
                continue
            start = 0, start_of((self.log, "subject", f"{body['from']} {tag}"))
            self.heads[tag] = [start, head_in(leaves, body["size"], tag) or start]

    def rise(self, at):
        need(at > self.last, "TRAIL_DUPLICATE" if at == self.last else "TRAIL_ORDER")
        need(at < self.index.body["to"], "TRAIL_FOREIGN")
        self.last = at

    def count_under(self, tags, leaf):
        known = [tag for tag in tags if tag in self.heads]
        for tag in known:
            self.heads[tag][0] = extend(self.heads[tag][0], leaf)
        return known

    def lead(self, at, leaf, line):
        need("p" in line, "PROOF_MISSING")
        root = path_root(at, self.size, leaf, [from_base64url(each) for each in line["p"]])
        need(self.root in (None, root), "INCLUSION_INVALID")
        self.root = root

    def record(self, line):
        need(self.index is not None, "LINE_ORDER")
        record = Record(line["r"])
        need(record.face["log"] == self.log, "LOG_MISMATCH")
        at = record.face["index"]
        self.rise(at)
        need(record.ms >= self.last_ms, "TIME_ORDER")
        self.last_ms = record.ms
        need(not line["o"], "LINK_OPENING")
        need(self.count_under(self.tags_of(record), record.leaf), "TRAIL_FOREIGN")
        self.lead(at, record.leaf, line)
        self.judge(line, record)

    def sealed(self, line):
        """Of whom it is cannot be seen: the heads of the index prove the tags that it says."""
        need(self.index is not None, "LINE_ORDER")
        leaf = sealed_leaf(line)
        at = self.world.sealed_index(self.log, to_base64url(leaf))
        self.rise(at)
        need("tags" in line, "TRAIL_FOREIGN")
        need(len(self.count_under(line["tags"], leaf)) == len(line["tags"]), "TRAIL_FOREIGN")
        self.lead(at, leaf, line)
        self.hide(at)

    def tags_of(self, record):
        if record.type in ("void", "tally") or record.face["steward"] != self.id:
            return []
        subjects = record.body.get("subjects", [])
        return [bulk_tag(self.id)] if subjects == "bulk" else subjects

    def close_index(self):
        for head, end in self.heads.values():
            need(head[0] >= end[0], "TRAIL_GAP")
            need(head[0] <= end[0], "TRAIL_FOREIGN")
            need(head == end, "LEAF_MISMATCH")
        self.heads = {}

    def end(self, line):
        """(time, the index that is proven and (level, size, root))"""
        need(line["log"] == self.log, "LOG_MISMATCH")
        self.close_index()
        need(self.index is not None, "INDEX_GAP")
        need("proof" in line and not {"note", "next", "opening"} & set(line), "PROOF_MISSING")
        level, size, root = verify_included(self.index, line["proof"], self.trust)
        need(size == self.size and self.root in (None, root), "INCLUSION_INVALID")
        return instant(min(self.index.through, self.asked.until)), (self.index, (level, size, root))


def head_in(leaves, size, tag):
    """(n, h) that the index states of the tag; None where it proves that the tag is not there."""
    own = next((leaf for leaf in leaves if leaf["tag"] == tag), None)
    if own is not None:
        opened = own.get("o")
        same = opened is not None and to_base64url(sha256(canonical(opened).encode()).digest()) == own["state"]
        need(same and opened["n"] > 0, "STATE_OPENING")
        return opened["n"], from_base64url(opened["h"])
    if size == 0:
        return None
    below = [leaf["i"] for leaf in leaves if leaf["tag"] < tag]
    above = [leaf["i"] for leaf in leaves if leaf["tag"] > tag]
    first, last = above and above[0] == 0, below and not above and below[-1] == size - 1
    need(first or last or (below and above and below[-1] + 1 == above[0]), "ABSENCE_UNPROVEN")
    return None
