/** A trail for the tests of tampering, and the hands to tamper with it: lines dropped, swapped, edited. Holds no test itself. */
import { stopDigest, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { expect } from "chai";
import { type OpenedTrust, verifyTrail } from "./index.js";
import { LOG, sealed, SmallWorld } from "./support.test.js";

export type Lines = TrailLine[];
/** A change that takes a member away. */
export const without = (_line: object, name: string): object => ({ [name]: undefined });
export const recordsOf = (lines: Lines): TrailLineOf<"record">[] => lines.filter((line) => line.t === "record");

/** Set once, by {@link prepare}. */
export let world: SmallWorld;
export let trust: OpenedTrust;
export let grant: string;
export let child: string;
export let lines: Lines;
export const DAY = 86_400_000;

let made: Promise<void> | undefined;
/** For `before`: the trail is made once for all files. */
export const prepare = (): Promise<void> => (made ??= make());

async function make(): Promise<void> {
  world = await new SmallWorld().begin();
  await world.resource({ logs: [LOG] });
  grant = await world.grant({ quota: { unit: "call", n: 50, per: "P1D" } }, { depth: 1 });
  child = await world.derive(grant);
  await world.deliver(await world.access(grant));
  await world.access(grant, { purpose: "marketing" });
  await world.access(grant);
  await world.access(child, {}, "operator");
  await world.access(grant);
  world.tick(DAY);
  await world.command("grant.suspend", { target: stopDigest(grant), epoch: 1 }, "bureau", { grant, stop: true });
  world.tick(3_600_000);
  await world.access(grant);
  await world.fold(grant);
  world.tick(DAY);
  await world.access(grant);
  trust = await world.trust();
  lines = await world.trailLines("grant", grant);
}

export async function verdictOf(changed: readonly unknown[], under = trust) {
  const { ok, code, detail } = await verifyTrail(sealed(changed), under);
  return ok ? "ok" : `${code ?? ""} · ${detail ?? ""}`;
}
export const at = (t: TrailLine["t"], n = 0): number => {
  const found = lines.flatMap((line, i) => (line.t === t ? [i] : []));
  return found.at(n) ?? -1;
};
export const chainAt = (kind: string, id: string): number =>
  lines.findIndex((line) => line.t === "chain" && line.kind === kind && line.id === id);
export const endAt = (kind: string, id: string): number => {
  const start = chainAt(kind, id);
  return start + lines.slice(start).findIndex((line) => line.t === "chainEnd");
};
export const drop = (i: number): Lines => lines.toSpliced(i, 1);
export const edit = (i: number, change: (line: never) => object): unknown[] =>
  lines.map((line, j) => {
    if (i !== j) return line;
    const changed = Object.entries({ ...line, ...change(line as never) });
    return Object.fromEntries(changed.filter(([, value]) => value !== undefined));
  });
export const swap = (i: number, j: number): Lines => lines.with(i, lines[j]!).with(j, lines[i]!);

export type Row = readonly [name: string, refusal: string, make: () => unknown[] | Promise<unknown[]>];
export const table = (rows: readonly Row[]): void => {
  for (const [name, refusal, make] of rows) {
    it(`refuses ${name}: ${refusal}`, async () => expect(await verdictOf(await make())).to.equal(refusal));
  }
};
