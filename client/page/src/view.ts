/** A verdict as a list of facts, in either language: what the command line says, in a form that a reader of pages expects. */
import { isCode } from "@quanji/chaincode/domain";
import type { RecordKey, TrailKey, Verdict } from "@quanji/client/verify";
import { adviceFor, word } from "../../src/cli/messages.js";
import {
  anchorLines,
  countsText,
  erasedLines,
  placeText,
  problemMeaning,
  sealedLines,
  withheldLines,
} from "../../src/cli/verdict.js";
import { harmless } from "../../src/cli/width.js";
import type { Fault } from "./job.js";
import { type Lang, say, type Word } from "./words.js";

export interface View {
  readonly title: string;
  /** One sentence: what is proven. */
  readonly lead?: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
}

export function viewOfVerdict(file: string, verdict: Verdict, at: Date, lang: Lang): View {
  const kind = say(verdict.kind, lang);
  const title = `${say(verdict.ok ? "ok" : "bad", lang)} · ${kind} · ${file}`;
  const rows = [
    ...(verdict.ok ? proven(verdict, lang) : problem(verdict, lang)),
    ["trustFile", verdict.trustDigest] as const,
    ["checkedAt", at.toISOString()] as const,
  ];
  return {
    title: harmless(title),
    ...(verdict.ok && { lead: say(verdict.kind === "trail" ? "okTrail" : "okReceipt", lang) }),
    facts: rows.map(([name, value]) => [say(name, lang), harmless(value)]),
  };
}

type Row = readonly [Word, string];

/** Of a refused file none of this is shown: whatever it proves, nobody should read it as proven. */
function proven(verdict: Verdict, lang: Lang): readonly Row[] {
  const list = (name: Word, items: readonly string[]): readonly Row[] =>
    items.length === 0 ? [] : [[name, items.join(", ")]];
  return [
    ...(verdict.of === undefined ? [] : [["concerns", subject(verdict.of, lang)] as const]),
    ...(verdict.completeThrough === undefined ? [] : [["completeThrough", verdict.completeThrough] as const]),
    ...(verdict.kind === "trail" ? [["counts", countsText(verdict, lang)] as const] : []),
    ["level", `${verdict.level}: ${say(verdict.level, lang)}`],
    ["withstands", `${verdict.withstands} ${say("dishonest", lang)}`],
    ...list("replayed", verdict.replayed),
    ...list("attested", verdict.attested),
    ...list("hosted", verdict.hosted ?? []),
    ...anchorLines(verdict, lang).map((line) => ["outside", line] as const),
    ...sealedLines(verdict, lang).map((line) => ["sealed", line] as const),
    ...withheldLines(verdict, lang).map((line) => ["withheld", line] as const),
    ...erasedLines(verdict, lang).map((line) => ["erased", line] as const),
    ...(verdict.singleOperator ? [["beware", word("singleOperator", lang)] as const] : []),
    ...(verdict.testClock ? [["beware", word("testClock", lang)] as const] : []),
  ];
}

const USES = {
  grant: "usesGrant",
  resource: "usesResource",
  party: "usesParty",
  subject: "usesSubject",
} as const;
const RECORDS = {
  access: "recordAccess",
  delivery: "recordDelivery",
  acceptance: "recordAcceptance",
  void: "recordVoid",
  tally: "recordTally",
} as const;

/** For a reader who has never heard of chains: of whose or what's uses this speaks, or of which single one. */
function subject(of: TrailKey | RecordKey, lang: Lang): string {
  const tell = (name: Word, value?: string | number): string =>
    value === undefined ? say(name, lang) : `${say(name, lang)} ${value}`;
  if ("log" in of) {
    const { kind, id, log, index, time, request } = of;
    const place = [tell("atTime", time), tell("recordedAs", index), tell("inLog", log), tell("requestHash", request)];
    return [tell(RECORDS[kind]), tell("recordId", id), ...place].join(", ");
  }
  const { kind, id, from, to } = of;
  const period = [
    from === undefined ? tell("wholeTime") : tell("fromTime", from),
    ...(to === undefined ? [] : [tell("toTime", to)]),
  ];
  return [tell(USES[kind], id), ...period].join(", ");
}

function problem(verdict: Verdict, lang: Lang): readonly Row[] {
  const { code = "PROOF_INVALID", detail, message, at } = verdict;
  const place = placeText(at);
  return [
    ["problem", detail === undefined ? code : `${code} · ${detail}`],
    ["meaning", problemMeaning(code, detail, lang)],
    ...(message === undefined ? [] : [["found", message] as const]),
    ...(place === "" ? [] : [["place", place] as const]),
    ["next", adviceFor(code, detail, lang)],
  ];
}

/** Of what prevented a verdict. */
export function viewOfFault(file: string, fault: Fault, lang: Lang): View {
  const found = faultLines(fault, lang).join(". ");
  return { title: harmless(file), lead: say("unreadable", lang), facts: [[say("found", lang), found]] };
}

/** The message, with its code where it has one; then what the code means and what to do. */
export function faultLines({ code, detail, message }: Fault, lang: Lang): readonly string[] {
  if (code === undefined || !isCode(code)) return [harmless(message)];
  const title = detail === undefined ? code : `${code} · ${detail}`;
  const meaning = problemMeaning(code, detail, lang);
  return [`${title}: ${message}`, ...(meaning === message ? [] : [meaning]), adviceFor(code, detail, lang)].map(
    harmless,
  );
}
