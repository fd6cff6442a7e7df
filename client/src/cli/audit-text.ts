/** The verdict of an audit for people. */
import type { AuditVerdict, LedgerForkVerdict, LogVsLedgerVerdict } from "../audit/index.js";
import type { OpenedTrust } from "../verify/index.js";
import { auditAdviceFor, type Lang, uncheckedText, word } from "./messages.js";
import { harmless } from "./width.js";

export function auditText(folder: string, verdict: AuditVerdict, trust: OpenedTrust, lang: Lang): string {
  const say = (name: Parameters<typeof word>[0]): string => word(name, lang);
  const { ok, ledger, channel, blocks, transactions, valid, lastHash, logs, unchecked } = verdict;
  const lines = [
    `${ok ? say("valid") : say("invalid")}  ${say("ledger")} ${folder}`,
    ...(ok ? [] : refusal(verdict, lang)),
    ...(ledger === undefined ? [] : [`${say("ledger")} ${channel ?? ""} (${ledger})`]),
    `${blocks} ${say("blocks")}, ${transactions} ${say("transactions")} (${valid} ${say("ofThemValid")})`,
    ...(lastHash === undefined ? [] : [`${say("lastHash")} ${lastHash}`]),
    ...logs.map(
      ({ origin, size, root, checkpoints }) =>
        `${say("log")} ${origin}: ${size} ${say("records")}, ${root}, ${checkpoints} ${say("checkpoints")}`,
    ),
    ...unchecked.map((name) => `${say("unchecked")} ${uncheckedText(name, lang)}`),
    ...(trust.singleOperator ? [say("singleOperator")] : []),
    ...(trust.trust.testClock ? [say("testClock")] : []),
    `${say("trustFile")} ${trust.digest}`,
  ];
  return lines
    .map((line, i) => (i === 0 ? line : `  ${line}`))
    .map(harmless)
    .join("\n");
}

/** A checked ledger fork for people. */
export function ledgerForkText(file: string, verdict: LedgerForkVerdict, lang: Lang): string {
  const { ok, code = "PROOF_INVALID", detail, message = "", block, hashes = [], accused } = verdict;
  const lines = ok
    ? [
        `${word("ledgerForkShown", lang)}  ${file}`,
        `${word("block", lang)} ${block}: ${hashes.join(", ")}`,
        ...accused.map(({ msp, fingerprint, both }) => {
          return `${word(both ? "signedBoth" : "signedOne", lang)} ${msp} ${fingerprint}`;
        }),
      ]
    : [
        `${word("invalid", lang)}  ${file}`,
        ...refusal({ code, message, ...(detail !== undefined && { detail }) }, lang),
      ];
  return lines.map((line, i) => harmless(i === 0 ? line : `  ${line}`)).join("\n");
}

/** A checked contradiction between log and ledger for people. */
export function logVsLedgerText(file: string, verdict: LogVsLedgerVerdict, lang: Lang): string {
  const { ok, code = "PROOF_INVALID", detail, message = "", log, size, block, roots = [], endorsed = [] } = verdict;
  const lines = ok
    ? [
        `${word("logVsLedgerShown", lang)}  ${file}`,
        `${word("log", lang)} ${log}: ${size} ${word("records", lang)}, ${word("block", lang)} ${block}`,
        `${word("signedOtherRoot", lang)} ${log}: ${roots[0]}`,
        `${word("committedRoot", lang)} ${endorsed.join(", ")}: ${roots[1]}`,
      ]
    : [
        `${word("invalid", lang)}  ${file}`,
        ...refusal({ code, message, ...(detail !== undefined && { detail }) }, lang),
      ];
  return lines.map((line, i) => harmless(i === 0 ? line : `  ${line}`)).join("\n");
}

function refusal(
  {
    code = "PROOF_INVALID",
    detail,
    message = "",
    at,
  }: Pick<AuditVerdict, "code" | "message" | "at"> & { readonly detail?: string },
  lang: Lang,
): readonly string[] {
  const place = [
    ...(at?.block === undefined ? [] : [`block ${at.block}`]),
    ...(at?.tx === undefined ? [] : [`transaction ${at.tx}`]),
  ].join(", ");
  return [
    `${detail === undefined ? code : `${code} · ${detail}`}: ${message}${place === "" ? "" : ` (${place})`}`,
    `${word("next", lang)} ${auditAdviceFor(detail, lang)}`,
  ];
}
