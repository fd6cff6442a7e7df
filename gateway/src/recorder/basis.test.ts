import { type Grant, type Party, type Resource, stopDigest, type StopState } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { moved, readMarks } from "./basis.js";
import type { ObjectName } from "./entry.js";

const NAMES: readonly ObjectName[] = ["party:bank", "resource:res/a", "grant:child", "grant:other"];

/** Objects by name; a change is another number or stop. */
class Objects {
  readonly n = new Map<string, number>([
    ["party bank", 1],
    ["resource res/a", 1],
    ["grant child", 1],
    ["grant root", 1],
    ["grant other", 1],
  ]);
  readonly stops = new Map<string, Partial<StopState>>();

  #read<T>(name: string, more: object = {}): Promise<T | undefined> {
    const n = this.n.get(name);
    return Promise.resolve(n === undefined ? undefined : ({ n, ...more } as T));
  }
  readonly party = (id: string) => this.#read<Party>(`party ${id}`);
  readonly resource = (id: string) => this.#read<Resource>(`resource ${id}`);
  readonly grant = (id: string) => this.#read<Grant>(`grant ${id}`, { ancestors: id === "child" ? ["root"] : [] });
  readonly stop = (digest: string) => Promise.resolve(this.stops.get(digest) as StopState | undefined);
}

const stop = (request: string): Partial<StopState> => ({
  epoch: 1,
  stop: { verb: "grant.revoke", request, signer: "s", command: { payload: "", protected: "", signature: "" } },
});

describe("recorder: whose basis moved", () => {
  const changes: readonly (readonly [string, (objects: Objects) => void, readonly ObjectName[]])[] = [
    ["nothing", () => undefined, []],
    ["the party", ({ n }) => n.set("party bank", 2), ["party:bank"]],
    ["the resource", ({ n }) => n.set("resource res/a", 2), ["resource:res/a"]],
    ["the grant", ({ n }) => n.set("grant child", 2), ["grant:child"]],
    ["the grant's stop key", ({ stops }) => stops.set(stopDigest("child"), stop("r")), ["grant:child"]],
    ["an ancestor", ({ n }) => n.set("grant root", 2), ["grant:child"]],
    ["an ancestor's stop key", ({ stops }) => stops.set(stopDigest("root"), stop("r")), ["grant:child"]],
    ["a grant that came into being", ({ n }) => n.delete("grant other"), ["grant:other"]],
  ];
  for (const [name, change, expected] of changes) {
    it(name, async () => {
      const objects = new Objects();
      const before = await readMarks(objects, NAMES);
      change(objects);
      const after = await readMarks(objects, NAMES);
      expect([...moved(before, after)]).to.deep.equal(expected);
      expect([...moved(after, before)]).to.deep.equal(expected);
    });
  }

  it("an object that was not looked at before has not moved", async () => {
    const marks = await readMarks(new Objects(), NAMES);
    expect([...moved(new Map(), marks)]).to.deep.equal([]);
  });
});
