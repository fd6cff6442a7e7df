/** Query strings, strictly: known names, each once. What is signed is the raw text; this reads the same text. */
import { parseWith, QuanjiError } from "@quanji/chaincode/domain";
import type { z } from "zod";

/** Errors: MALFORMED naming the parameter. */
export function parseQueryString<T>(rawUrl: string, schema: z.ZodType<T>): T {
  const mark = rawUrl.indexOf("?");
  const values = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(mark < 0 ? "" : rawUrl.slice(mark + 1))) {
    if (name in values) throw new QuanjiError("MALFORMED", "a parameter is given twice", { field: name });
    values[name] = value;
  }
  return parseWith(schema, { ...values });
}
