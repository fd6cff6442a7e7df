/** One verification in a process of its own: `verify-child.js TRAIL TRUST NOW [stub]`. Prints one JSON line. */
import { createReadStream, readFileSync } from "node:fs";
import { openTrust, verifyTrail } from "@quanji/client/verify";

const [trail = "", trustFile = "", now = "", mode = ""] = process.argv.slice(2);

/**
 * To say what requesters' signatures cost: in this process, and in no other, the engine answers every check with yes. The
 * verifier itself has no such mode, and what this prints is no verdict.
 */
if (mode === "stub") globalThis.crypto.subtle.verify = () => Promise.resolve(true);

const trust = await openTrust(readFileSync(trustFile), { now: Number(now) });
const start = process.hrtime.bigint();
const { ok, detail, message, records } = await verifyTrail(createReadStream(trail), trust);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
console.log(
  JSON.stringify({
    ok,
    detail,
    message,
    records,
    seconds,
    rssMb: maxRSS / 1024,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
  }),
);
