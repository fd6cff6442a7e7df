"""The trust file and its witness policy: docs/protocol.md, Verifying."""
import re

from .keys import NoteKey, algorithm, parse_jwk, thumbprint, verifies
from .schema import TRUST, TRUST_FILE, check, instant_ms
from .text import from_base64url, hash_text, need, parse_canonical, refuse, to_base64url

WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Policy:
    def __init__(self, text):
        self.logs, self.witnesses, self.groups, self.used, self.quorum = [], {}, {}, set(), None
        for line in text.split("\n"):
            if line == "" or line.startswith("#"):
                continue
            keyword, *words = line.split(" ")
            need(self.quorum is None and "" not in words, "POLICY_SYNTAX")
            if keyword == "log" and len(words) in (1, 2):
                self.logs.append(NoteKey(words[0], 1))
            elif keyword == "witness" and len(words) in (2, 3):
                self.witnesses[self.fresh(words[0])] = NoteKey(words[1], 4)
            elif keyword == "group" and words:
                self.groups[self.fresh(words[0])] = self.group(words[1:])
            elif keyword == "quorum" and len(words) == 1:
                need(words[0] == "none" or self.knows(words[0]), "POLICY_SYNTAX")
                self.quorum = words[0]
            else:
                refuse("POLICY_SYNTAX")
        need(self.quorum is not None, "POLICY_SYNTAX")
        keys = [key.key for key in [*self.logs, *self.witnesses.values()]]
        need(len(keys) == len(set(keys)), "POLICY_DUPLICATE_KEY")
        self.organisations = []
        if self.quorum != "none":
            threshold, self.organisations = self.groups.get(self.quorum, (1, [self.quorum]))
            need(2 * threshold > len(self.organisations), "POLICY_UNSAFE")

    def knows(self, name):
        return name in self.witnesses or name in self.groups

    def fresh(self, name):
        need(WORD.fullmatch(name) and name != "none" and not self.knows(name), "POLICY_SYNTAX")
        return name

    def group(self, words):
        rule, members = words[0] if words else "", words[1:]
        need(members, "POLICY_SYNTAX")
        for member in members:
            need(self.knows(member) and member not in self.used, "POLICY_SYNTAX")
            self.used.add(member)
        number = re.fullmatch(r"[1-9][0-9]{0,2}", rule)
        threshold = 1 if rule == "any" else len(members) if rule == "all" else int(rule) if number else 0
        need(1 <= threshold <= len(members), "POLICY_SYNTAX")
        return threshold, members

    def reached(self, present, name=None):
        name = self.quorum if name is None else name
        if name in present:
            return True
        threshold, members = self.groups.get(name, (1, []))
        return sum(self.reached(present, member) for member in members) >= threshold


class Trust:
    """A trust file that holds. `now`: ms since 1970; `pinned`: digest; `previous`: the Trust in use until now."""

    def __init__(self, file, now, pinned=None, previous=None):
        # 1. Envelope and payload.
        envelope = check(TRUST_FILE, parse_canonical(without_final_newline(file), 2 * 1024 * 1024, 12))
        payload = from_base64url(envelope["payload"])
        self.trust = trust = parse_canonical(payload, 1024 * 1024, 12)
        need(trust.get("v") == "quanji.trust.v1", "VERSION_UNKNOWN")
        check(TRUST, trust)
        self.digest, self.now = hash_text(payload), now
        #: Level that the reader asks for, above the file's own.
        self.asked = None
        # 2. It is the pinned one.
        need(pinned is None or pinned == self.digest, "TRUST_DIGEST")
        # 3. Enough of its signers signed, and enough of its predecessor's.
        signed = self.signed_by(envelope, [trust] + ([previous.trust] if previous else []))
        assert_threshold(trust, signed)
        if previous is not None:
            self.assert_follows(previous, signed)
        # 4. It is in date.
        need(instant_ms(trust["expires"]) > now, "TRUST_EXPIRED")
        # 5. Keys and policy.
        self.policy = Policy(trust["policy"])
        for row in trust["gateways"]:
            need(row["kid"] == f"{row['name']}#{thumbprint(parse_jwk(row['jwk']))}", "KEY_THUMBPRINT")
        self.log_keys = [(NoteKey(row["vkey"], 1), row) for row in trust["keys"]]
        need(all(key.name == row["log"] for key, row in self.log_keys), "LOG_MISMATCH")
        self.heads = {org: NoteKey(vkey, 1) for org, vkey in trust["heads"].items()}
        self.blocks = {org: NoteKey(vkey, 1) for org, vkey in trust.get("blocks", {}).items()}
        for named in (self.heads, self.blocks):
            keys = [key.key for key in named.values()]
            need(len(keys) == len(set(keys)), "POLICY_DUPLICATE_KEY")
        self.assert_logs()
        self.assert_one_purpose()

    def signed_by(self, envelope, versions):
        known, signed = {}, set()
        for row in (row for version in versions for row in version["signers"]):
            need(row["kid"].partition("#")[2] == thumbprint(parse_jwk(row["jwk"])), "KEY_THUMBPRINT")
            known[row["kid"]] = row["jwk"]
        for entry in envelope["signatures"]:
            header = parse_canonical(from_base64url(entry["protected"]))
            need(set(header) <= {"alg", "kid", "typ"}, "HEADER_FORBIDDEN")
            need(header.get("alg") in ("ES256", "EdDSA"), "ALG_FORBIDDEN")
            need(header.get("typ") == "quanji-trust+jws", "TYP_MISMATCH")
            need(isinstance(header.get("kid"), str), "JWS_SHAPE")
            jwk = known.get(header["kid"])
            if jwk is None:
                continue
            need(algorithm(jwk) == header["alg"], "ALG_FORBIDDEN")
            data = f"{entry['protected']}.{envelope['payload']}".encode()
            signature = from_base64url(entry["signature"])
            need(len(signature) == 64 and verifies(jwk, data, signature), "SIGNATURE_INVALID")
            signed.add(thumbprint(jwk))
        return signed

    def assert_follows(self, previous, signed):
        before = previous.trust
        need(self.trust["net"] == before["net"], "NETWORK_MISMATCH")
        if self.digest == previous.digest:
            return
        need(self.trust["version"] > before["version"], "TRUST_ROLLBACK")
        follows = self.trust["version"] == before["version"] + 1 and self.trust.get("prev") == previous.digest
        need(follows, "TRUST_CHAIN")
        assert_threshold(before, signed)

    def assert_logs(self):
        trust = self.trust
        origins = [row["origin"] for row in trust["logs"]]
        need(len(origins) == len(set(origins)), "LOG_UNKNOWN")
        need(all(row["log"] in origins for row in trust["keys"] + trust["gateways"]), "LOG_UNKNOWN")
        need(all(origin.startswith(trust["net"] + "/") for origin in origins), "NETWORK_MISMATCH")
        known = {key.vkey for key, _ in self.log_keys}
        need(all(key.vkey in known for key in self.policy.logs), "POLICY_SYNTAX")
        need(not any(row["org"] in self.policy.organisations for row in trust["logs"]), "POLICY_UNSAFE")

    def assert_one_purpose(self):
        uses = {
            "signer": [thumbprint(row["jwk"]) for row in self.trust["signers"]],
            "gateway": [thumbprint(row["jwk"]) for row in self.trust["gateways"]],
            "log": [note_print(key) for key, _ in self.log_keys],
            "heads": [note_print(key) for key in self.heads.values()],
            "blocks": [note_print(key) for key in self.blocks.values()],
            "witness": [note_print(key) for key in self.policy.witnesses.values()],
        }
        owners = {}
        for use, prints in uses.items():
            for key in prints:
                need(owners.setdefault(key, use) == use, "KEY_PURPOSE")

    @property
    def required_level(self):
        return "committed" if self.policy.quorum == "none" else "cosigned"


def note_print(key):
    return thumbprint({"crv": "Ed25519", "kty": "OKP", "x": to_base64url(key.key)})


def assert_threshold(trust, signed):
    own = {row["kid"].partition("#")[2] for row in trust["signers"]} & signed
    need(len(own) >= trust["threshold"], "SIGNATURE_INVALID")


def without_final_newline(text):
    return text[:-1] if text.endswith("\n") else text


def within(row, size):
    return row["from"] <= size <= row.get("to", size)
