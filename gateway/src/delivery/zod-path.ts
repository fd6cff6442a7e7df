import { type Code, QuanjiError } from "@quanji/chaincode/domain";
import type { z } from "zod";

const step = (part: PropertyKey): string => (typeof part === "number" ? `[${part}]` : `.${String(part)}`);

/** The first issue as the one error that the user sees, its field written as in the document: `sources[2].url`. */
export function invalid(code: Code, root: string, error: z.ZodError): QuanjiError {
  const issue = error.issues[0];
  const field = root + (issue?.path ?? []).map(step).join("");
  return new QuanjiError(code, `${field}: ${issue?.message ?? "not valid"}`, { field });
}
