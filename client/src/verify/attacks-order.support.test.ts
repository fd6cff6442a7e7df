/** Attacks on the order of a trail's lines. Holds no test itself. */
import { privateScope } from "@quanji/chaincode/world";
import { LOG, NET } from "./support.test.js";
import { at, chainAt, drop, edit, grant, type Lines, lines, type Row } from "./tampering.support.test.js";

const last = (): Lines => lines.slice(0, -1);

export const ON_ORDER: readonly Row[] = [
  ["no header", "PROOF_INVALID · LINE_ORDER", () => lines.slice(1)],
  ["two headers", "PROOF_INVALID · LINE_ORDER", () => [lines[0], ...lines]],
  ["a command outside a chain", "PROOF_INVALID · LINE_ORDER", () => drop(1)],
  ["a chain in a chain", "PROOF_INVALID · LINE_ORDER", () => lines.toSpliced(2, 0, lines[1]!)],
  ["an end of no chain", "PROOF_INVALID · LINE_ORDER", () => lines.toSpliced(at("log"), 0, lines[at("chainEnd")]!)],
  ["a chain that does not end", "PROOF_INVALID · LINE_ORDER", () => drop(at("chainEnd", -1))],
  ["a chain after the logs", "PROOF_INVALID · LINE_ORDER", () => [...lines, lines[1]]],
  [
    "a chain twice",
    "TRAIL_INCOMPLETE · TRAIL_DUPLICATE",
    () => lines.toSpliced(at("log"), 0, ...lines.slice(1, at("chainEnd") + 1)),
  ],
  ["a record outside a log", "PROOF_INVALID · LINE_ORDER", () => drop(at("log"))],
  ["a log in a log", "PROOF_INVALID · LINE_ORDER", () => lines.toSpliced(at("record"), 0, lines[at("log")]!)],
  ["an end of no log", "PROOF_INVALID · LINE_ORDER", () => [...lines, lines[at("logEnd")]]],
  ["a log twice", "TRAIL_INCOMPLETE · TRAIL_DUPLICATE", () => [...lines, ...lines.slice(at("log"))]],
  ["a log that does not end", "TRAIL_INCOMPLETE · FILE_TRUNCATED", last],
  ["a chain in another scope", "TRAIL_INCOMPLETE · CHAIN_KEY", () => edit(1, () => ({ scope: LOG }))],
  ["a directory of another id", "TRAIL_INCOMPLETE · CHAIN_KEY", () => edit(1, () => ({ id: "x" }))],
  ["a grant in public", "TRAIL_INCOMPLETE · CHAIN_KEY", () => edit(chainAt("grant", grant), () => ({ scope: NET }))],
  [
    "a grant in another collection",
    "TRAIL_INCOMPLETE · CHAIN_KEY",
    () => edit(chainAt("grant", grant), () => ({ scope: privateScope(NET, "ExchangeMSP") })),
  ],
];
