/** Values that a command commits to instead of saying them: they travel beside it and never reach blocks or public state. */
import { QuanjiError } from "@quanji/chaincode/domain";
import { commit, type Json, type JsonObject, type Openings } from "@quanji/chaincode/log";
import { type Random, salt } from "./random.js";

/** By path in the payload (`ground`, `responsibleHead`). A salt is made unless one is given. */
export type Values = Readonly<Record<string, { readonly value: Json; readonly salt?: string }>>;

export interface Committed {
  readonly payload: JsonObject;
  /** Absent if the command commits to nothing. */
  readonly openings?: Openings;
}

/**
 * Puts commitments into a payload. They bind [kid, jti], so an opening cannot be moved to another command.
 * Errors: MALFORMED if the payload has such a member already, or a path has no place in it.
 */
export function commitValues(
  payload: JsonObject,
  values: Values,
  command: { readonly kid: string; readonly jti: string },
  random: Random,
): Committed {
  const paths = Object.keys(values);
  if (paths.length === 0) return { payload };
  let filled = payload;
  const openings: Record<string, Openings[string]> = {};
  for (const path of paths) {
    const given = values[path];
    if (given === undefined) continue;
    const opening = { salt: given.salt ?? salt(random), value: given.value };
    filled = place(filled, path.split("."), commit([command.kid, command.jti], path, opening), path);
    openings[path] = opening;
  }
  return { payload: filled, openings };
}

function place(target: JsonObject, [name = "", ...rest]: readonly string[], value: string, path: string): JsonObject {
  const inner = target[name];
  if (rest.length === 0) {
    if (inner !== undefined && inner !== value) {
      throw new QuanjiError("MALFORMED", `the payload has ${path} already: leave it out, it is made from the value`, {
        field: path,
      });
    }
    return { ...target, [name]: value };
  }
  if (typeof inner !== "object" || Array.isArray(inner)) {
    throw new QuanjiError("MALFORMED", `the payload has no place for ${path}`, { field: path });
  }
  return { ...target, [name]: place(inner as JsonObject, rest, value, path) };
}
