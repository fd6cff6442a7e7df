"""`python3 -m quanji_interop`: exhibits as JSON lines on standard input, one verdict a line: a finer code, or ok."""
import json
import sys

from .receipt import verify_receipt
from .text import Refused
from .trail import verify_trail
from .trust import Trust


def verdict(exhibit):
    try:
        now, previous = exhibit["now"], exhibit.get("previous")
        before = None if previous is None else Trust(previous, now)
        trust = Trust(exhibit["trust"], now, exhibit.get("pinned"), before)
        trust.asked = exhibit.get("level")
        if exhibit["kind"] == "receipt":
            verify_receipt(exhibit["evidence"], trust)
        if exhibit["kind"] == "trail":
            verify_trail(exhibit["evidence"], trust)
        return "ok"
    except Refused as refused:
        return refused.code


for line in sys.stdin:
    print(verdict(json.loads(line)), flush=True)
