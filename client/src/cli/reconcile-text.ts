/** A reconciliation for people: what each side has said, and a table of what is missing. */
import { MISSING, type Missing, type MissingItem, type Reconciliation } from "../reconcile/index.js";
import { adviceFor, type Lang, missingText, word } from "./messages.js";
import { table } from "./output.js";
import { harmless } from "./width.js";

/** Rows shown; `--json` has all. */
const SHOWN = 50;

export function reconcileText(result: Reconciliation, lang: Lang): string {
  const say = (name: Parameters<typeof word>[0]): string => word(name, lang);
  const refused = result.code !== undefined;
  const title = refused ? say("invalid") : say(result.ok ? "agreed" : "disagreed");
  const lines = [
    `${title}  ${refused ? (result.file ?? "") : say("bothEnds")}`,
    ...(refused ? refusal(result, lang) : summary(result, lang)),
    `${say("level")} ${result.level}, ${say("withstands")} ${result.withstands}`,
    ...(result.singleOperator ? [say("singleOperator")] : []),
    ...(result.testClock ? [say("testClock")] : []),
    `${say("trustFile")} ${result.trustDigest}`,
  ];
  const head = lines.map((line, i) => harmless(i === 0 ? line : `  ${line}`)).join("\n");
  return result.missing.length === 0 ? head : `${head}\n\n${listed(result.missing, lang)}`;
}

function refusal({ code = "PROOF_INVALID", detail, message = "", at }: Reconciliation, lang: Lang): readonly string[] {
  const line = at?.line === undefined ? "" : ` (line ${at.line})`;
  return [
    `${detail === undefined ? code : `${code} · ${detail}`}: ${message}${line}`,
    `${word("next", lang)} ${adviceFor(code, detail, lang)}`,
  ];
}

function summary({ trails, counts, pending, missing }: Reconciliation, lang: Lang): readonly string[] {
  const say = (name: Parameters<typeof word>[0]): string => word(name, lang);
  const through = trails.map(
    ({ file, kind, id, records = 0, completeThrough }) =>
      `${say("trail")} ${file}: ${kind} ${id}, ${records} ${say("records")}` +
      (completeThrough === undefined ? "" : `, ${say("completeThrough")} ${completeThrough}`),
  );
  const { permits, denied, delivered, partial, failed, unknown, accepted, tallies } = counts;
  const codes = [...new Set(missing.map(({ code }) => code))];
  return [
    ...through,
    `${permits} ${say("permitted")}, ${denied} ${say("denied")}`,
    `${delivered + partial + failed + unknown} ${say("deliveries")} (delivered ${delivered}, partial ${partial}, failed ${failed}, unknown ${unknown}), ${accepted} ${say("accepted")}, ${tallies} ${say("tallies")}`,
    ...(pending === 0 ? [] : [`${pending} ${say("pending")}`]),
    ...codes.map(
      (code) =>
        `${sideOf(code, lang)} ${code}: ${missing.filter((item) => item.code === code).length}, ${missingText(code, lang)}`,
    ),
  ];
}

const SIDE_WORDS = { gateway: "sideGateway", user: "sideUser", source: "sideSource" } as const;
const sideOf = (code: Missing, lang: Lang): string => word(SIDE_WORDS[MISSING[code].side], lang);

function listed(missing: readonly MissingItem[], lang: Lang): string {
  const head = ["SIDE", "CODE", "TIME", "LOG", "ACCESS", "REQUESTER", "RESOURCE", "REQUEST"];
  const rows = missing
    .slice(0, SHOWN)
    .map(({ code, time, log, access, requester, resource, request }) => [
      sideOf(code, lang),
      code,
      time,
      log,
      access,
      requester,
      resource,
      request,
    ]);
  const rest = missing.length - rows.length;
  return rest > 0 ? `${table(head, rows)}\n${rest} ${word("more", lang)}` : table(head, rows);
}
