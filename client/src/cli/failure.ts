/** How a command that failed says so: code, sentence, what to do next; and its exit code. */
import { type Code, QuanjiError } from "@quanji/chaincode/domain";
import { AccessRefused } from "../sdk/index.js";
import { type Lang, meaningOf, nextOf, word } from "./messages.js";
import { UsageError } from "./options.js";
import { harmless } from "./width.js";

export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const;

export interface Failure {
  readonly exitCode: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export function failureOf(error: unknown, lang: Lang): Failure {
  if (error instanceof UsageError) return usage(error.message);
  if (error instanceof QuanjiError) return refused(error, lang);
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: EXIT.refused,
    json: { ok: false, code: "INTERNAL", message },
    text: harmless(`INTERNAL: ${message}`),
  };
}

const usage = (message: string): Failure => ({
  exitCode: EXIT.usage,
  json: { ok: false, code: "USAGE", message },
  text: harmless(`USAGE: ${message}`),
});

function refused(error: QuanjiError, lang: Lang): Failure {
  const { code, message, detail, field } = error;
  const next = nextOf(code, lang);
  const about = [detail, field].filter((part) => part !== undefined && part !== "");
  const title = about.length === 0 ? code : `${code} · ${about.join(" · ")}`;
  const sentence = lang === "zh" ? `${meaningOf(code, lang)}（${message}）` : message;
  const access = error instanceof AccessRefused ? error : undefined;
  const request = access?.request;
  const recorded = access?.decision === "deny" ? `${word("recorded", lang)}: ` : "";
  return {
    exitCode: exitCodeOf(code, detail),
    json: { ok: false, code, message: sentence, detail, field, request, next },
    text: [
      harmless(`${title}: ${recorded}${sentence}`),
      ...(request === undefined ? [] : [`request ${request}`]),
      `${word("next", lang)} ${next}`,
    ].join("\n"),
  };
}

/** A folder in use is no wrong use: whoever asks again when the gateway has ended gets an answer. */
function exitCodeOf(code: Code, detail: string | undefined): number {
  if (code === "UNREACHABLE" || detail === "IN_USE") return EXIT.unreachable;
  return code === "CONFIG_INVALID" ? EXIT.usage : EXIT.refused;
}
