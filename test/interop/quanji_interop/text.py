"""Canonical JSON, base64 and the line formats: whatever is decoded encodes back to the very same bytes."""
import base64
import binascii
import json
import re
from hashlib import sha256

SAFE = 2**53 - 1


class Refused(Exception):
    """`code`: finer code of docs/protocol.md."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def refuse(code):
    raise Refused(code)


def need(condition, code):
    if not condition:
        refuse(code)


# Base64


def from_base64url(text):
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        refuse("BASE64_INVALID")
    return data if to_base64url(data) == text else refuse("BASE64_INVALID")


def to_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        refuse("BASE64_INVALID")
    return data if base64.b64encode(data).decode() == text else refuse("BASE64_INVALID")


DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def hash_text(data):
    return to_base64url(sha256(data).digest())


# Canonical JSON

NAME = re.compile(r"[a-z][A-Za-z0-9.]*")


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def decoded(data):
    try:
        text = data.decode("utf-8", "strict") if isinstance(data, bytes) else data
        text.encode("utf-8", "strict")
        return text
    except UnicodeError:
        return refuse("NOT_UTF8")


def parse_canonical(data, max_bytes=16 * 1024, max_depth=8):
    need(len(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")) <= max_bytes, "LIMIT_EXCEEDED")
    text = decoded(data)
    need(not text.startswith("\ufeff"), "NOT_UTF8")
    try:
        value = json.loads(text, parse_constant=lambda _: refuse("NOT_CANONICAL"), parse_float=number)
    except (ValueError, RecursionError):
        refuse("LIMIT_EXCEEDED" if nests_deeper(text, max_depth) else "NOT_CANONICAL")
    profile(value, max_depth)
    need(isinstance(value, dict), "NOT_CANONICAL")
    if canonical(value) != text:
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.S)
        refuse("NUMBER_FORBIDDEN" if re.search(r"[-+.]|[0-9][eE]", outside) else "NOT_CANONICAL")
    return value


def number(text):
    """As a double: 1.0 and 1e3 are integers, of a spelling that is refused later."""
    value = float(text)
    return int(value) if abs(value) <= SAFE and value == int(value) else value


def nests_deeper(text, levels):
    depth, inside, skip = 0, False, False
    for c in text:
        if skip:
            skip = False
        elif c == '"':
            inside = not inside
        elif inside:
            skip = c == "\\"
        elif c in "[{":
            depth += 1
            if depth > levels:
                return True
        elif c in "]}":
            depth -= 1
    return False


def profile(value, levels):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        need(isinstance(value, int) and 0 <= value <= SAFE, "NUMBER_FORBIDDEN")
    elif isinstance(value, str):
        decoded(value)
    elif value is None:
        refuse("NOT_CANONICAL")
    else:
        need(levels > 0, "LIMIT_EXCEEDED")
        for name in value if isinstance(value, dict) else ():
            need(NAME.fullmatch(name), "FIELD_UNKNOWN")
            profile(value[name], levels - 1)
        for item in value if isinstance(value, list) else ():
            profile(item, levels - 1)


# Lines: notes, checkpoints, proofs, verifier keys

WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
KEY_NAME = re.compile(f"[^{WHITE_SPACE}+]+")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")


def read_text(text, max_bytes, code):
    need(len(decoded(text).encode()) <= max_bytes, "LIMIT_EXCEEDED")
    need(all(c >= " " or c == "\n" for c in text), code)
    return text


def read_decimal(text, code):
    need(DECIMAL.fullmatch(text) and int(text) <= SAFE, code)
    return int(text)


def read_hash(text):
    data = from_base64(text)
    need(len(data) == 32, "HASH_LENGTH")
    return data


def parse_note(note):
    """(text, [(name, key id, bytes)])"""
    read_text(note, 64 * 1024, "NOTE_MALFORMED")
    blank = note.rfind("\n\n")
    need(blank >= 0, "NOTE_MALFORMED")
    *lines, last = note[blank + 2 :].split("\n")
    need(last == "" and lines, "NOTE_MALFORMED")
    need(len(lines) <= 64, "LIMIT_EXCEEDED")
    return note[: blank + 1], [parse_signature(line) for line in lines]


def parse_signature(line):
    words = line[2:].split(" ")
    need(line.startswith("— ") and len(words) == 2 and KEY_NAME.fullmatch(words[0]), "NOTE_MALFORMED")
    data = from_base64(words[1])
    need(len(data) >= 5, "NOTE_MALFORMED")
    return words[0], data[:4], data[4:]


def parse_checkpoint(text):
    """(origin, size, root)"""
    *lines, last = read_text(text, 64 * 1024, "CHECKPOINT_MALFORMED").split("\n")
    need(last == "", "CHECKPOINT_MALFORMED")
    need(len(lines) <= 3, "CHECKPOINT_EXTENSION")
    need(len(lines) == 3, "CHECKPOINT_MALFORMED")
    origin, size, root = lines[0], read_decimal(lines[1], "CHECKPOINT_MALFORMED"), read_hash(lines[2])
    need(KEY_NAME.fullmatch(origin), "CHECKPOINT_MALFORMED")
    need(size > 0 or root == sha256(b"").digest(), "CHECKPOINT_MALFORMED")
    return origin, size, root


def parse_proof(text):
    """(index, hashes, note, checkpoint)"""
    read_text(text, 64 * 1024 + 4096, "PROOF_MALFORMED")
    head, blank, note = text.partition("\n\n")
    need(blank, "PROOF_MALFORMED")
    lines = head.split("\n")
    words = lines[1].split(" ") if len(lines) > 1 else []
    need(lines[0] == "c2sp.org/tlog-proof@v1", "PROOF_MALFORMED")
    need(words[:1] == ["index"] and len(words) <= 2, "PROOF_MALFORMED")
    need(len(lines) - 2 <= 63, "LIMIT_EXCEEDED")
    parsed = parse_note(note)
    index = read_decimal(words[1] if len(words) == 2 else "", "PROOF_MALFORMED")
    return index, [read_hash(line) for line in lines[2:]], parsed, parse_checkpoint(parsed[0])
