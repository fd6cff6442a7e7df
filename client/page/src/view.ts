/** A verdict as a list of facts, in either language: what the command line says, in a form that a reader of pages expects. */
import { isCode } from "@quanji/chaincode/domain";
import type { DocumentVerdict, RecordKey, TrailKey, Verdict } from "@quanji/client/verify";
import { documentFacts, documentKind, documentPlace } from "../../src/cli/document-text.js";
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
import { major } from "@quanji/client/documents";
import type { Fault, ListFacts } from "./job.js";
import { type Lang, say, type Word } from "./words.js";

export interface View {
  readonly title: string;
  /** One sentence: what is proven. */
  readonly lead?: string;
  /** Of a document about money: how much, in large type. */
  readonly figure?: readonly [label: string, amount: string];
  /** What nobody may overlook. */
  readonly warning?: string;
  /** Several values stand one under the other. */
  readonly facts: readonly (readonly [name: string, ...values: readonly string[]])[];
}

export function viewOfVerdict(file: string, verdict: Verdict, at: Date, lang: Lang): View {
  const kind = say(verdict.kind, lang);
  const title = `${say(verdict.ok ? "ok" : "bad", lang)} · ${kind} · ${file}`;
  const rows = [
    ...(verdict.ok ? proven(verdict, lang) : problem({ ...verdict, place: placeText(verdict.at) }, lang)),
    ["trustFile", verdict.trustDigest] as const,
    ["checkedAt", at.toISOString()] as const,
  ];
  return {
    title: harmless(title),
    ...(verdict.ok && { lead: say(verdict.kind === "trail" ? "okTrail" : "okReceipt", lang) }),
    facts: rows.map(([name, value]) => [say(name, lang), harmless(value)]),
  };
}

/** The command line's own facts, and what the page says of every verdict. */
export function viewOfDocument(file: string, verdict: DocumentVerdict, at: Date, lang: Lang): View {
  const { ok, kind, evidence, total, currency, trustDigest } = verdict;
  const title = `${say(ok ? "ok" : "bad", lang)} · ${documentKind(kind, lang)} · ${file}`;
  const trusted: readonly Row[] = [
    ...(ok ? trustRows(verdict, lang) : []),
    ["trustFile", trustDigest],
    ["checkedAt", at.toISOString()],
  ];
  const told = (rows: readonly Row[]) => rows.map(([name, value]) => [say(name, lang), harmless(value)] as const);
  return {
    title: harmless(title),
    ...(ok && { lead: say(evidence === "issuer" ? "okShown" : "okDocument", lang) }),
    ...(ok && total !== undefined && currency !== undefined && { figure: figure(total, currency, lang) }),
    ...warningOf(file, verdict, lang),
    facts: [
      ...(ok ? [] : told(problem({ ...verdict, place: documentPlace(verdict.at) }, lang))),
      ...documentFacts(verdict, lang).map(([label, ...values]) => [capital(label), ...values] as const),
      ...told(trusted),
    ],
  };
}

const figure = (total: string, currency: string, lang: Lang): NonNullable<View["figure"]> => [
  say("total", lang),
  `${major(total, currency)} ${currency}`,
];

function warningOf(file: string, verdict: DocumentVerdict, lang: Lang): Pick<View, "warning"> {
  if (!verdict.ok) return /\.pdf$/i.test(file) ? { warning: say("paper", lang) } : {};
  if (verdict.status === "unknown") return { warning: say("unknownStatus", lang) };
  if (verdict.status === "expired") return { warning: say("expired", lang) };
  return verdict.kind === "invoice" ? beforePaying(verdict, lang) : {};
}

/** Who pays by the large figure alone might pay twice, or too much. */
function beforePaying({ settled, total, payable, currency }: DocumentVerdict, lang: Lang): Pick<View, "warning"> {
  if (settled === true) return { warning: say("paid", lang) };
  if (payable === undefined || currency === undefined || payable === total) return {};
  return { warning: `${say("noted", lang)} ${major(payable, currency)} ${currency}` };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A list that is good says whose certificates it is about, and for how long it may be relied on. */
export function viewOfList(
  file: string,
  { issuer, url, gateway, validFrom, validUntil, trustDigest }: ListFacts,
  at: Date,
  lang: Lang,
): View {
  const rows: readonly Row[] = [
    ["listIssuer", issuer],
    ["listAt", url],
    ["listGateway", gateway],
    ["fromTime", validFrom],
    ["expires", validUntil],
    ["trustFile", trustDigest],
    ["checkedAt", at.toISOString()],
  ];
  return {
    title: harmless(`${say("ok", lang)} · ${say("list", lang)} · ${file}`),
    lead: say("okList", lang),
    facts: rows.map(([name, value]) => [capital(say(name, lang)), harmless(value)]),
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
    ...levelRows(verdict, lang),
    ...list("replayed", verdict.replayed),
    ...list("attested", verdict.attested),
    ...list("hosted", verdict.hosted ?? []),
    ...anchorLines(verdict, lang).map((line) => ["outside", line] as const),
    ...sealedLines(verdict, lang).map((line) => ["sealed", line] as const),
    ...withheldLines(verdict, lang).map((line) => ["withheld", line] as const),
    ...erasedLines(verdict, lang).map((line) => ["erased", line] as const),
    ...bewareRows(verdict, lang),
  ];
}

type Trusted = Pick<Verdict, "level" | "withstands" | "singleOperator" | "testClock">;

const levelRows = ({ level, withstands }: Trusted, lang: Lang): readonly Row[] => [
  ["level", `${level}: ${say(level, lang)}`],
  ["withstands", `${withstands} ${say("dishonest", lang)}`],
];
const bewareRows = ({ singleOperator, testClock }: Trusted, lang: Lang): readonly Row[] => [
  ...(singleOperator ? [["beware", word("singleOperator", lang)] as const] : []),
  ...(testClock ? [["beware", word("testClock", lang)] as const] : []),
];
const trustRows = (verdict: Trusted, lang: Lang): readonly Row[] => [
  ...levelRows(verdict, lang),
  ...bewareRows(verdict, lang),
];

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

type Refusal = Pick<Verdict, "code" | "detail" | "message"> & { readonly place: string };

function problem({ code = "PROOF_INVALID", detail, message, place }: Refusal, lang: Lang): readonly Row[] {
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
