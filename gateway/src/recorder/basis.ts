/** Which objects changed between two conflicts: how the records whose basis moved are found among strangers. */
import { stopDigest } from "@quanji/chaincode/domain";
import type { ReadModel } from "../readmodel/readmodel.js";
import type { ObjectName } from "./entry.js";

type BasisReader = Pick<ReadModel, "party" | "resource" | "grant" | "stop">;

/** A short text for each object, that differs whenever what `decide` reads of it differs. */
export type Marks = ReadonlyMap<ObjectName, string>;

export async function readMarks(readModel: BasisReader, objects: Iterable<ObjectName>): Promise<Marks> {
  const names = [...objects];
  const marks = await Promise.all(names.map((name) => markOf(readModel, name)));
  return new Map(names.map((name, i) => [name, marks[i] ?? ""]));
}

async function markOf(readModel: BasisReader, name: ObjectName): Promise<string> {
  const colon = name.indexOf(":");
  const id = name.slice(colon + 1);
  switch (name.slice(0, colon)) {
    case "party":
      return countOf(await readModel.party(id));
    case "resource":
      return countOf(await readModel.resource(id));
    default:
      return grantMark(readModel, id);
  }
}

const countOf = (object: { readonly n: number } | undefined): string => String(object?.n ?? "none");

/** A grant rests on its ancestors; each has a stop key, which changes before the grant does. */
async function grantMark(readModel: BasisReader, id: string): Promise<string> {
  const grant = await readModel.grant(id);
  const line = await Promise.all(
    [id, ...(grant?.ancestors ?? [])].map(async (member, i) => {
      const [stop, object] = await Promise.all([
        readModel.stop(stopDigest(member)),
        i === 0 ? grant : readModel.grant(member),
      ]);
      return `${countOf(object)} ${stop?.epoch ?? "none"} ${stop?.stop?.request ?? ""}`;
    }),
  );
  return line.join(",");
}

/** Objects whose mark is not what it was. */
export function moved(before: Marks, after: Marks): Set<ObjectName> {
  const names = new Set<ObjectName>();
  for (const [name, mark] of after) if (before.has(name) && before.get(name) !== mark) names.add(name);
  return names;
}
