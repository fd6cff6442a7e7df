/** That what was handed over is what the evidence makes, and where it is not. */
import type { JsonObject } from "@quanji/chaincode/log";
import { refuse } from "../verdict.js";
import { firstDifference } from "./differences.js";

/** Carries a refusal and the document's member that it is about. */
export class PathError extends Error {
  readonly path: string;
  constructor(path: string, cause: unknown) {
    super("the document differs from its evidence", { cause });
    this.path = path;
  }
}

/** Errors: the difference's detail, with its path. */
export function assertAgrees(given: JsonObject, made: unknown): void {
  const found = firstDifference(given, made as JsonObject);
  if (found === undefined) return;
  const message = `the document's ${found.path} is not what the evidence makes of it`;
  throw new PathError(
    found.path,
    refusedBy(() => refuse(found.detail, message)),
  );
}

export function refusedBy(check: () => void): unknown {
  try {
    check();
    return undefined;
  } catch (error) {
    return error;
  }
}
