/** A verdict for people. */
import { type Code, isCode } from "@quanji/chaincode/domain";
import type { EvidenceVerdict, RecordKey, TrailKey, Verdict } from "../verify/index.js";
import { findingMeaning } from "./findings-zh.js";
import { adviceFor, type Lang, meaningOf, word } from "./messages.js";
import { harmless } from "./width.js";

export function verdictText(file: string, verdict: Verdict, lang: Lang): string {
  const say = (name: Parameters<typeof word>[0]): string => word(name, lang);
  const head = `${verdict.ok ? say("valid") : say("invalid")}  ${verdict.kind === "trail" ? say("trail") : say("receipt")} ${file}`;
  const lines = [
    head,
    ...(verdict.ok ? [] : refusal(verdict, lang)),
    ...(verdict.of === undefined ? [] : [about(verdict.of, lang)]),
    ...(verdict.completeThrough === undefined ? [] : [`${say("completeThrough")} ${verdict.completeThrough}`]),
    ...(verdict.kind === "trail" && verdict.records !== undefined ? [countsText(verdict, lang)] : []),
    `${say("level")} ${verdict.level}, ${say("withstands")} ${verdict.withstands}`,
    ...list(say("replayed"), verdict.replayed),
    ...list(say("attested"), verdict.attested),
    ...list(say("hosted"), verdict.hosted ?? []),
    ...erasedLines(verdict, lang),
    ...sealedLines(verdict, lang),
    ...withheldLines(verdict, lang),
    ...anchorLines(verdict, lang),
    ...(verdict.singleOperator ? [say("singleOperator")] : []),
    ...(verdict.testClock ? [say("testClock")] : []),
    `${say("trustFile")} ${verdict.trustDigest}`,
  ];
  return lines
    .map((line, i) => (i === 0 ? line : `  ${line}`))
    .map(harmless)
    .join("\n");
}

/** A checked portable proof for people. */
export function evidenceText(file: string, verdict: EvidenceVerdict, lang: Lang): string {
  const lines = verdict.ok
    ? [
        `${word(SHOWN[verdict.shows ?? "fork"], lang)}  ${file}`,
        ...shownAt(verdict, lang),
        ...verdict.accused.map(({ name, role, either }) => {
          const said = verdict.stop === undefined ? ACCUSED[role] : "accusedPermit";
          return `${word(either === true ? "accusedEither" : said, lang)} ${name}`;
        }),
      ]
    : [`${word("invalid", lang)}  ${file}`, ...refusal(verdict, lang)];
  return [...lines, `${word("trustFile", lang)} ${verdict.trustDigest}`]
    .map((line, i) => harmless(i === 0 ? line : `  ${line}`))
    .join("\n");
}

const SHOWN = {
  fork: "forkShown",
  "chain-fork": "chainForkShown",
  "head-lie": "headLieShown",
  "block-fork": "blockForkShown",
  refusal: "refusalShown",
  "ignored-stop": "ignoredStopShown",
} as const;
const ACCUSED = {
  log: "accusedLog",
  witness: "accusedWitness",
  heads: "accusedHeads",
  blocks: "accusedBlocks",
  gateway: "accusedGateway",
} as const;

const DIFFERS = { header: "twoBlocks", state: "twoStates" } as const;

function shownAt({ log = "", sizes, indexes, block, refused, stop }: EvidenceVerdict, lang: Lang): readonly string[] {
  if (stop !== undefined) {
    const { grant, verb, request, time, permitted } = stop;
    return [
      `${log}: ${(indexes ?? []).join(", ")}`,
      `${word("stopStood", lang)} ${verb} ${grant}, ${time}, ${word("request", lang)} ${request}`,
      `${word("permittedAt", lang)} ${permitted}`,
    ];
  }
  if (block !== undefined) {
    return [`${word("block", lang)} ${block.number}: ${word(DIFFERS[block.differs], lang)}`];
  }
  if (refused !== undefined) {
    return [`${word("request", lang)} ${refused.request} (${refused.verb}): ${refused.status} ${refused.code}`];
  }
  return [`${log}: ${(sizes ?? indexes ?? []).join(", ")}`];
}

/** What was proven something about: the reader must see that it is what was asked for. */
export function about(of: TrailKey | RecordKey, lang: Lang): string {
  const say = (name: Parameters<typeof word>[0]): string => word(name, lang);
  if ("log" in of) {
    return `${say("of")} ${of.kind} ${of.id}, ${of.log} ${of.index}, ${of.time}, ${say("request")} ${of.request}`;
  }
  const from = of.from === undefined ? "" : `, ${say("from")} ${of.from}`;
  const to = of.to === undefined ? "" : `, ${say("to")} ${of.to}`;
  const tags = (of.tags ?? []).map(({ quarter, tag }) => `, ${quarter} ${tag}`).join("");
  const bulk = of.bulk === undefined ? "" : `; ${say(of.bulk ? "bulkIn" : "bulkOut")}`;
  return `${say("of")} ${of.kind} ${of.id}${tags}${from}${to}${bulk}`;
}

/** `1 field erased by command … of …, 2026-03-02T01:00:00.000Z`. There may be thousands of commands; the file has them all. */
const MAX_ERASURES = 20;

export function erasedLines({ erased = [] }: Pick<Verdict, "erased">, lang: Lang): readonly string[] {
  const more = erased.length - MAX_ERASURES;
  return [
    ...erased
      .slice(0, MAX_ERASURES)
      .map(({ command, by, time, fields }) =>
        word("erased", lang)
          .replace("{n}", String(fields))
          .replace("{command}", command)
          .replace("{by}", by)
          .replace("{time}", time),
      ),
    ...(more > 0 ? [word("erasedMore", lang).replace("{n}", String(more))] : []),
  ];
}

/** `3 entries sealed until 2027-01-01T00:00:00.000Z by … (order …)` */
export const sealedLines = ({ sealed = [] }: Pick<Verdict, "sealed">, lang: Lang): readonly string[] =>
  sealed.map(({ order, authority, until, entries }) =>
    word("sealed", lang)
      .replace("{n}", String(entries))
      .replace("{until}", until)
      .replace("{authority}", authority)
      .replace("{order}", order),
  );

/** `commands on other months of the contract: 3, counted and not shown` */
export const withheldLines = ({ withheld }: Pick<Verdict, "withheld">, lang: Lang): readonly string[] =>
  withheld === undefined ? [] : [word("withheld", lang).replace("{n}", String(withheld))];

/** `quanji.example/szx/gw/0 anchored at size 9 by 2026-03-02T01:00:00.000Z: block 0x… (17) of chain 1, contract 0x…` */
export const anchorLines = ({ anchors = [] }: Pick<Verdict, "anchors">, lang: Lang): readonly string[] =>
  anchors.map(({ log, size, time, block, number, chain, contract, pinned }) =>
    word(pinned ? "anchored" : "anchoredUnpinned", lang)
      .replace("{log}", log)
      .replace("{size}", String(size))
      .replace("{time}", time)
      .replace("{block}", block)
      .replace("{number}", String(number))
      .replace("{chain}", String(chain))
      .replace("{contract}", contract),
  );

const list = (title: string, items: readonly string[]): readonly string[] =>
  items.length === 0 ? [] : [`${title} ${items.join(", ")}`];

export function countsText({ records = 0, permitted = 0, denied = 0 }: Verdict, lang: Lang): string {
  return `${records} ${word("records", lang)} (${permitted} ${word("permitted", lang)}, ${denied} ${word("denied", lang)})`;
}

/** Of the finer code, where it has a meaning of its own in that language. */
export const problemMeaning = (code: Code, detail: string | undefined, lang: Lang): string =>
  (detail === undefined ? undefined : findingMeaning(detail, lang)) ?? meaningOf(code, lang);

/** `line 7, log …, index 3`; empty where nothing is known. */
export const placeText = (at: Verdict["at"]): string =>
  [
    ...(at?.line === undefined ? [] : [`line ${at.line}`]),
    ...(at?.log === undefined ? [] : [`log ${at.log}`]),
    ...(at?.index === undefined ? [] : [`index ${at.index}`]),
  ].join(", ");

type Refusal = Pick<Verdict, "code" | "detail" | "message" | "at">;

function refusal({ code = "PROOF_INVALID", detail, message, at }: Refusal, lang: Lang): readonly string[] {
  const place = placeText(at);
  const title = detail === undefined ? code : `${code} · ${detail}`;
  return [
    `${title}: ${message ?? meaningOf(code, lang)}${place === "" ? "" : ` (${place})`}`,
    ...(lang === "zh" && isCode(code) ? [problemMeaning(code, detail, lang)] : []),
    `${word("next", lang)} ${adviceFor(code, detail, lang)}`,
  ];
}
