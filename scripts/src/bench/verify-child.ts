/** One verification in a process of its own: `verify-child.js TRAIL TRUST NOW`. Prints one JSON line: verdict and cost. */
import { createReadStream, readFileSync } from "node:fs";
import { openTrust, verifyTrail } from "@quanji/client/verify";

const [trail = "", trustFile = "", now = ""] = process.argv.slice(2);
const trust = await openTrust(readFileSync(trustFile), { now: Number(now) });
const start = process.hrtime.bigint();
const verdict = await verifyTrail(createReadStream(trail, { highWaterMark: 1 << 19 }), trust);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const cost = { seconds, rssMb: maxRSS / 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 };
console.log(JSON.stringify({ ...verdict, ...cost }));
