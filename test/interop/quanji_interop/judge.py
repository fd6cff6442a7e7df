"""What is asked of each record of a trail, whatever the trail is of; and how chains grow."""
from hashlib import sha256

from .receipt import Request, assert_erased, names, verify_opening
from .text import canonical, from_base64url, need, to_base64url


def start_of(key):
    return sha256(b"\x03" + canonical(list(key)).encode()).digest()


def extend(head, leaf):
    return head[0] + 1, sha256(b"\x02" + head[1] + leaf).digest()


def sealed_leaf(line):
    need("o" not in line, "SEAL_OPENED")
    return sha256(b"\x00" + from_base64url(line["f"]) + from_base64url(line["b"])).digest()


class Judge:
    """What is asked of each record of a log, whatever the trail is of."""

    def __init__(self, line, trail, world):
        self.log, self.trail, self.world, self.trust = line["log"], trail, world, trail.trust
        known = any(row["origin"] == self.log for row in self.trust.trust["logs"])
        need(self.log in world.logs and known, "LOG_UNKNOWN")
        key = trail.header["key"]
        self.kind, self.id, self.before = key["kind"], key["id"], None
        self.open, self.seqs = {}, {}
        self.delivered, self.accepted, self.hidden = {}, set(), set()
        self.permits, self.tallies, self.tallied = {}, [], 0

    def hide(self, index):
        self.hidden.add(index)
        self.permits[index] = None

    def judge(self, line, record):
        named = self.world.leaves.get((self.log, record.face["index"]))
        need(named in (None, to_base64url(record.leaf)), "SEAL_MISMATCH")
        # 2. A delivery belongs to one permit.
        if record.type == "delivery":
            need("q" not in line, "REQUEST_MISMATCH")
            self.said(line, record, None)
            return self.deliver(record)
        # 3. The requester signed it, once.
        need("q" in line, "REQUEST_MISSING")
        request = Request(line["q"])
        keys = self.world.parties.get(record.face["unit"])
        need(keys is not None, "CHAIN_MISSING")
        key = keys.get(record.body["requester"].partition("#")[2])
        need(key is not None, "KEY_PARTY")
        request.assert_says(record)
        need(request.payload["net"] == self.world.net, "NETWORK_MISMATCH")
        need(request.payload["log"] == self.log, "LOG_MISMATCH")
        bases = self.world.gateways.get(self.world.logs[self.log], [])
        need(any(request.jws.header["url"] == base + request.path for base in bases), "URL_MISMATCH")
        request.verify(record, key)
        self.said(line, record, request)
        if record.type == "acceptance":
            return self.accept(record)
        if record.type == "tally":
            return self.tally(record)
        seqs, seq = self.seqs.setdefault(record.body["requester"], set()), request.payload["seq"]
        need(seq not in seqs, "REQUEST_REPLAYED")
        seqs.add(seq)
        if record.type == "access" and record.face["decision"] == "permit":
            self.open[record.face["index"]] = record
            self.permits[record.face["index"]] = None

    def said(self, line, record, request):
        """What the request committed to: opened, or erased by a command."""
        paths = [path for path in line["o"] if not path.startswith("links.")]
        for path in paths:
            need(request is not None, "COMMITMENT_MISMATCH")
            verify_opening(path, line["o"][path], record, request)
        erased = {field: self.world.erased.get((self.log, record.face["index"], field)) for field in ("operator", "query")}
        need(not any(names(erased.get(path), record) for path in paths), "ERASURE_UNDONE")
        for field in line.get("e", []):
            assert_erased(erased[field], record, self.trust)

    def deliver(self, record):
        access = record.body["access"]
        if self.before is not None and access <= self.before:
            return
        if access in self.hidden:
            return
        permit = self.open.pop(access, None)
        need(permit is not None, "DELIVERY_UNMATCHED")
        same = all(permit.body.get(name) == record.body[name] for name in ("request", "requester", "resource", "grant"))
        same = same and all(permit.face[name] == record.face[name] for name in ("class", "steward", "purpose"))
        tags = permit.body.get("subjects") if permit.body.get("subjects") != "bulk" else None
        same = same and tags == record.body.get("subjects")
        need(same and record.face["count"] == 1, "REQUEST_CONTENT")
        if record.body["outcome"] in ("delivered", "partial"):
            self.delivered[record.face["index"]] = record
            self.permits[access] = True
            for tally in self.tallies:
                self.assert_served(tally)

    def tally(self, record):
        body = record.body
        chain = self.world.chains.get(("resource", body["resource"].rpartition("@")[0]), [])
        need(body["basis"]["resource"] <= len(chain), "BASIS_UNKNOWN")
        need(chain[0].payload["steward"] == record.face["unit"], "ROLE_REQUIRED")
        need(body["from"] >= self.tallied, "TALLY_MISMATCH")
        self.tallied = body["to"]
        if self.before is not None and body["from"] <= self.before:
            return
        window = [index for index in self.permits if body["from"] <= index < body["to"]]
        need(body["served"] <= len(window), "TALLY_MISMATCH")
        self.tallies.append((window, body["served"]))
        self.assert_served(self.tallies[-1])

    def assert_served(self, tally):
        window, served = tally
        need(sum(self.permits[index] is True for index in window) <= served, "TALLY_MISMATCH")

    def accept(self, record):
        delivery = record.body["delivery"]
        if delivery in self.hidden or (self.before is not None and delivery <= self.before):
            return
        told = self.delivered.get(delivery)
        need(told is not None and delivery not in self.accepted, "ACCEPTANCE_UNMATCHED")
        same = all(told.body[name] == record.body[name] for name in ("access", "digest", "grant", "resource", "rows"))
        same = same and all(told.face[name] == record.face[name] for name in ("unit", "class", "purpose", "steward"))
        same = same and told.body.get("subjects") == record.body.get("subjects")
        need(same and record.face["count"] == 1, "ACCEPTANCE_MISMATCH")
        self.accepted.add(delivery)
