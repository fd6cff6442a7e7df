"""Anchors: a head of a log in a block of an outside chain. docs/protocol.md, Anchors."""
from hashlib import sha256

from .keccak import keccak
from .text import SAFE, from_base64url, need, refuse, to_base64url

LEVELS = ("committed", "cosigned", "anchored")


# RLP


def decode(data, levels=6):
    value, end = item(data, 0, len(data), levels)
    need(end == len(data), "ANCHOR_MALFORMED")
    return value


def item(data, at, limit, levels):
    need(at < limit, "ANCHOR_MALFORMED")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    length, start = first - (0xC0 if first >= 0xC0 else 0x80), at + 1
    if length > 55:
        width, start = length - 55, start + length - 55
        need(width <= 4 and start <= limit, "ANCHOR_MALFORMED")
        length = int.from_bytes(data[at + 1 : start], "big")
        need(data[at + 1] != 0 and length > 55, "ANCHOR_MALFORMED")
    end = start + length
    need(end <= limit, "ANCHOR_MALFORMED")
    if first < 0xC0:
        need(length != 1 or data[start] >= 0x80, "ANCHOR_MALFORMED")
        return data[start:end], end
    need(levels > 0, "ANCHOR_MALFORMED")
    items, at = [], start
    while at < end:
        one, at = item(data, at, end, levels - 1)
        items.append(one)
    return items, end


def as_list(value):
    return value if isinstance(value, list) else refuse("ANCHOR_MALFORMED")


def as_bytes(value, length=None):
    need(isinstance(value, bytes) and length in (None, len(value)), "ANCHOR_MALFORMED")
    return value


def as_number(value):
    need(as_bytes(value)[:1] != b"\0" and len(value) <= 7, "ANCHOR_MALFORMED")
    number = int.from_bytes(value, "big")
    return number if number <= SAFE else refuse("ANCHOR_MALFORMED")


# The trie of receipts


def nibbles(data):
    return [half for byte in data for half in (byte >> 4, byte & 15)]


def key_of(index):
    digits = index.to_bytes((index.bit_length() + 7) // 8, "big")
    return nibbles(digits if len(digits) == 1 and digits[0] < 0x80 else bytes([0x80 + len(digits)]) + digits)


def proven_entry(root, index, nodes):
    expected, rest = root, key_of(index)
    for i, node in enumerate(nodes):
        need(keccak(node) == expected, "ANCHOR_PROOF")
        items = as_list(decode(node))
        if len(items) == 17:
            need(rest, "ANCHOR_PROOF")
            expected, rest = as_bytes(items[rest[0]]), rest[1:]
            need(expected != b"", "ANCHOR_PROOF")
            as_bytes(expected, 32)
            continue
        need(len(items) == 2, "ANCHOR_MALFORMED")
        flag, second, *path = nibbles(as_bytes(items[0])) or (16, 0)
        need(flag <= 3 and (flag & 1 or second == 0), "ANCHOR_MALFORMED")
        path = [second, *path] if flag & 1 else path
        need(rest[: len(path)] == path, "ANCHOR_PROOF")
        rest = rest[len(path) :]
        if flag < 2:
            expected = as_bytes(items[1], 32)
            continue
        as_bytes(items[1])
        need(rest == [] and i == len(nodes) - 1, "ANCHOR_PROOF")
        return items[1]
    return refuse("ANCHOR_PROOF")


# The event


def block_ms(proof):
    """That the block holds the event, and the event says what the file does. The block's time, ms since 1970."""
    header = from_base64url(proof["header"])
    need("0x" + keccak(header).hex() == proof["block"], "ANCHOR_HEADER")
    fields = as_list(decode(header))
    need(len(fields) >= 15, "ANCHOR_MALFORMED")
    root, nodes = as_bytes(fields[5], 32), [from_base64url(node) for node in proof["proof"]]
    entry = proven_entry(root, proof["transaction"], nodes)
    receipt = as_list(decode(entry[1:] if entry[:1] < b"\x80" else entry))
    need(len(receipt) == 4, "ANCHOR_MALFORMED")
    need(as_bytes(receipt[0]) == b"\x01", "ANCHOR_FAILED")
    events = as_list(receipt[3])
    need(proof["event"] < len(events), "ANCHOR_EVENT")
    assert_says(as_list(events[proof["event"]]), proof)
    seconds = as_number(fields[11])
    need(seconds <= 8_640_000_000_000, "ANCHOR_MALFORMED")
    as_number(fields[8])
    return seconds * 1000


def assert_says(event, proof):
    address, topics, data = (event + [None] * 3)[:3]
    need(as_bytes(address, 20).hex() == proof["contract"][2:], "ANCHOR_CONTRACT")
    kind, name, size = ([as_bytes(topic, 32) for topic in as_list(topics)] + [None] * 3)[:3]
    need(kind == keccak(b"Anchored(bytes32,uint64,bytes32,uint256)"), "ANCHOR_EVENT")
    said = as_bytes(data, 64)
    need(name == sha256(proof["log"].encode()).digest(), "LOG_MISMATCH")
    right = size == proof["size"].to_bytes(32, "big") and to_base64url(said[:32]) == proof["root"]
    need(right, "ANCHOR_EVENT")
    need(said[32:] == proof["chain"].to_bytes(32, "big"), "ANCHOR_CHAIN")


# Against the checkpoint and the trust file


def verify_anchored(anchored, log, index, ms, size, root, trust):
    """None where the trust file names no contract, else whether the block is pinned. `ms`: of the record, if it is shown."""
    anchor, consistency = anchored["anchor"], [from_base64url(text) for text in anchored["consistency"]]
    time = block_ms(anchor)
    need(anchor["log"] == log, "LOG_MISMATCH")
    need(anchor["size"] > index, "ANCHOR_SHORT")
    sides = sorted([(anchor["size"], from_base64url(anchor["root"])), (size, root)], key=lambda side: side[0])
    verify_consistency(*sides[0], *sides[1], consistency)
    if "anchors" not in trust.trust:
        return None
    rows = [row for row in trust.trust["anchors"] if row["chain"] == anchor["chain"]]
    need(rows, "ANCHOR_CHAIN")
    rows = [row for row in rows if row["contract"] == anchor["contract"]]
    need(rows, "ANCHOR_CONTRACT")
    pinned = any(anchor["block"] in row["blocks"] for row in rows)
    late = ms is not None and ms > time + 300_000
    need(not (pinned and late) or trust.trust["testClock"], "TIME_BRACKET")
    return pinned


def verify_consistency(older, older_root, newer, newer_root, proof):
    """RFC 9162 §2.1.4.2, sizes above 0."""
    if older == newer:
        need(older_root == newer_root, "FORK")
        need(proof == [], "PROOF_LENGTH")
        return
    path, last = older - 1, newer - 1
    while path & 1:
        path, last = path >> 1, last >> 1
    hashes = proof if path else [older_root, *proof]
    need(hashes, "PROOF_LENGTH")
    old = new = hashes[0]
    for sibling in hashes[1:]:
        need(last > 0, "PROOF_LENGTH")
        if path & 1 or path == last:
            old, new = (sha256(b"\x01" + sibling + each).digest() for each in (old, new))
            while not path & 1 and path:
                path, last = path >> 1, last >> 1
        else:
            new = sha256(b"\x01" + new + sibling).digest()
        path, last = path >> 1, last >> 1
    need(last == 0, "PROOF_LENGTH")
    need(old == older_root and new == newer_root, "CONSISTENCY_INVALID")


def raised(level, pinned, trust):
    return "anchored" if pinned and LEVELS.index(level) >= LEVELS.index(trust.required_level) else level


def assert_level(level, pinned, trust):
    required = max(trust.required_level, trust.asked or trust.required_level, key=LEVELS.index)
    if LEVELS.index(level) >= LEVELS.index(required):
        return
    need(required == "anchored" and LEVELS.index(level) >= LEVELS.index(trust.required_level), "WITNESS_QUORUM")
    refuse("ANCHOR_MISSING" if pinned is None else "ANCHOR_UNPINNED")
