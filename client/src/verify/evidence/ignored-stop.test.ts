import { type IgnoredStopProof, instant, PROOF_LIMITS, stopDigest, type TrailLine } from "@quanji/chaincode/domain";
import { canonical, type Json } from "@quanji/chaincode/log";
import { privateScope } from "@quanji/chaincode/world";
import { expect } from "chai";
import { collideChain, collude, type Forged } from "../forging.support.test.js";
import {
  type EvidenceVerdict,
  heldInReceipt,
  heldInTrail,
  ignoredStops,
  type OpenedTrust,
  readShownChains,
  verifyEvidence,
} from "../index.js";
import { openTrust } from "../trust.js";
import { HEADS, LOG, MSP, NET, PARTIES, sealed, SmallWorld, trustFile } from "../support.test.js";
import { child, DAY, grant, lines, prepare, trust, world } from "../tampering.support.test.js";

const file = (proof: unknown): string => canonical(proof, PROOF_LIMITS);
const check = (proof: unknown, under: OpenedTrust = trust): Promise<EvidenceVerdict> =>
  verifyEvidence(file(proof), under);
const refusalOf = async (proof: unknown, under?: OpenedTrust): Promise<string> =>
  (await check(proof, under)).detail ?? "ok";

const permit = ({ face, body }: Forged): void => {
  face["decision"] = "permit";
  Object.assign(body, { rule: "permit", deliverBefore: instant(Date.parse(String(body["time"])) + 30_000) });
};

type Draft = IgnoredStopProof;
type Chain = Draft["chains"][number];

/** A proof as anybody could write it down, whether it shows something or not: the last record of a trail, and its chains. */
async function draftOf(trail: readonly TrailLine[]): Promise<Draft> {
  const text = sealed(trail);
  const [held] = await heldInTrail(text);
  const chains = await readShownChains(text);
  const { record, proof } = held!;
  return { v: "quanji.evidence.v1", kind: "ignored-stop", record, proof, chains: [...chains.values()] };
}

const withChain = (draft: Draft, kind: Chain["kind"], change: (chain: Chain) => Chain | undefined): Draft => ({
  ...draft,
  chains: draft.chains.flatMap((chain) => (chain.kind === kind ? (change(chain) ?? []) : chain)),
});

/** Paths of all values that are no objects. */
const leaves = (value: Json, path: readonly string[] = []): (readonly string[])[] =>
  typeof value === "object"
    ? Object.entries(value as Record<string, Json>).flatMap(([name, each]) => leaves(each, [...path, name]))
    : [path];

function edited(value: Json, [name, ...rest]: readonly string[], change: (leaf: Json) => Json): Json {
  if (name === undefined) return change(value);
  const copy = (Array.isArray(value) ? [...(value as Json[])] : { ...(value as object) }) as Record<string, Json>;
  copy[name] = edited(copy[name]!, rest, change);
  return copy;
}

/** One letter or digit in the middle is another. */
function flipped(text: string): string {
  const at = text.slice(Math.floor(text.length / 2)).search(/[A-Za-z0-9]/) + Math.floor(text.length / 2);
  return `${text.slice(0, at)}${text[at] === "b" ? "c" : "b"}${text.slice(at + 1)}`;
}

describe("G3 proof of a stop that was ignored", () => {
  // Records: 4 is the last permit before the stop, 5 was denied by it before it was folded in, 6 a day after that.
  const forged = (last: number, edit: (record: Forged) => void): Promise<TrailLine[]> =>
    collude(lines, (record, i) => {
      if (i === last) edit(record);
      return i <= last;
    });
  /** The last record denied by the stop, permitted instead: its basis counts the stop. */
  let proof: Draft;
  let position: number;
  before(async () => {
    await prepare();
    const text = sealed(await forged(6, permit));
    [proof] = ignoredStops(await readShownChains(text), await heldInTrail(text)) as [Draft];
    position = proof.chains.find(({ kind }) => kind === "grant")!.commands.length;
  });

  describe("shown", () => {
    it("convicts the log of a permit whose own basis counts the stop", async () => {
      const verdict = await check(proof);
      expect(verdict).to.deep.include({
        ok: true,
        shows: "ignored-stop",
        accused: [{ name: LOG, role: "log" }],
        indexes: [7],
      });
      expect([verdict.stop?.grant, verdict.stop?.verb]).to.deep.equal([grant, "grant.suspend"]);
    });

    it("convicts it of one that rests on the state before the stop, long after", async () => {
      const trail = await forged(6, (record) => {
        permit(record);
        record.body.basis["grant"] = position - 1;
      });
      expect(await check(await draftOf(trail))).to.deep.include({ ok: true, shows: "ignored-stop", indexes: [7] });
    });

    it("holds what a stranger needs and no more: directory, resource, grant, and who signed in them", () => {
      const names = proof.chains.map(({ kind, id }) => `${kind} ${id}`).sort();
      const { regulator, bureau, approver, insurer } = PARTIES;
      const parties = [regulator, bureau, approver, insurer].map(({ id }) => `party ${id}`);
      expect(names).to.deep.equal(
        [`directory ${NET}`, `grant ${grant}`, `resource res/weather.daily`, ...parties].sort(),
      );
    });

    it("is made from a receipt of the permit and anybody's trail of the grant", async () => {
      const text = sealed(await forged(6, permit));
      const { record, proof } = (await heldInTrail(text))[0]!;
      const receipt = await world.receipt(LOG, 7, { record, proof, status: 200 });
      const held = heldInReceipt(file(receipt));
      const [made] = ignoredStops(await readShownChains(sealed(lines)), [held]);
      expect(await check(made)).to.deep.include({ ok: true, indexes: [7] });
    });

    it("is not made of honest records, nor twice of one grant", async () => {
      const honest = world.records(LOG).map(async ({ index }) => heldInReceipt(file(await world.receipt(LOG, index))));
      const chains = await readShownChains(sealed(lines));
      expect(ignoredStops(chains, await Promise.all(honest))).to.deep.equal([]);
      const held = await heldInTrail(sealed(await forged(6, permit)));
      expect(ignoredStops(chains, [...held, ...held])).to.have.length(1);
      expect(ignoredStops(new Map(), held)).to.deep.equal([]);
    });
  });

  describe("accuses nobody", () => {
    it("of a denial, or of a permit before the stop", async () => {
      const draft = await draftOf(lines);
      expect((await check(draft)).message).to.contain("no permit");
      const earlier = await check(await draftOf(await forged(4, () => undefined)));
      expect([earlier.detail, earlier.message]).to.satisfy(
        ([detail, message]: [string, string]) => detail === "FORK_UNPROVEN" && message.includes("not later"),
      );
    });

    it("of a permit between the stop's signature and its folding: a signer could date a stop back", async () => {
      const trail = await forged(5, (record) => {
        delete record.body["stop"];
        permit(record);
      });
      expect(await refusalOf(await draftOf(trail))).to.equal("FORK_UNPROVEN");
    });

    it("by the chain of another grant, or of the grant above", async () => {
      expect(await refusalOf(withChain(proof, "grant", () => undefined))).to.equal("CHAIN_MISSING");
      const all = await draftOf(await forged(6, permit));
      const other = all.chains.find(({ id }) => id === child)!;
      expect(await refusalOf(withChain(proof, "grant", () => other))).to.equal("CHAIN_MISSING");
      const own = proof.chains.find(({ kind }) => kind === "grant")!;
      expect(await refusalOf(withChain(proof, "grant", () => ({ ...other, id: own.id })))).to.equal("CHAIN_KEY");
    });

    it("by a chain without the stop, or with one more", async () => {
      const cut = withChain(proof, "grant", (chain) => ({ ...chain, commands: chain.commands.slice(0, -1) }));
      expect(await refusalOf(cut)).to.equal("TRAIL_TRUNCATED");
      const twice = withChain(proof, "grant", (chain) => ({
        ...chain,
        commands: [...chain.commands, chain.commands.at(-1)!],
      }));
      expect(await refusalOf(twice)).to.equal("REQUEST_REPLAYED");
    });

    it("without the directory, the resource, or a signer", async () => {
      const cases = [
        ["directory", "LOG_SET_INCOMPLETE"],
        ["resource", "CHAIN_MISSING"],
      ] as const;
      for (const [kind, detail] of cases) {
        expect(await refusalOf(withChain(proof, kind, () => undefined)), kind).to.equal(detail);
      }
      for (const { id } of proof.chains.filter(({ kind }) => kind === "party")) {
        const without = withChain(proof, "party", (chain) => (chain.id === id ? undefined : chain));
        expect(await refusalOf(without), id).to.equal("CHAIN_MISSING");
      }
      expect(await refusalOf({ ...proof, chains: [...proof.chains, proof.chains[1]!] })).to.equal("TRAIL_DUPLICATE");
    });

    it("by a stop of somebody else's, or under another signature", async () => {
      const trail = await forged(6, permit);
      const stolen = await collideChain(trail, "grant", grant, (commands) =>
        commands.map((command, i) =>
          i === position - 1 ? { ...command, request: { ...command.request, signature: "A".repeat(86) } } : command,
        ),
      );
      expect(await refusalOf(await draftOf(stolen))).to.equal("SIGNATURE_INVALID");
      const target = { net: NET, target: stopDigest(grant), epoch: 1 };
      const strangers = await world.signed("grant.suspend", target, "insurer");
      const refused = await collideChain(trail, "grant", grant, (commands) =>
        commands.map((command, i) => (i === position - 1 ? { ...command, request: strangers } : command)),
      );
      expect(await refusalOf(await draftOf(refused))).to.equal("COMMAND_REFUSED");
      const others = await world.signed("grant.suspend", { ...target, target: stopDigest(child) }, "bureau");
      const foreign = await collideChain(trail, "grant", grant, (commands) =>
        commands.map((command, i) => (i === position - 1 ? { ...command, request: others } : command)),
      );
      expect(await refusalOf(await draftOf(foreign))).to.equal("CHAIN_KEY");
    });

    it("where no log and no heads key of the trust file signed, or on another network", async () => {
      const unsigned = (text: string): string => text.replace(/— [^\n]+\n$/, "");
      expect(await refusalOf({ ...proof, proof: unsigned(proof.proof) })).to.match(/MALFORMED|INVALID/);
      const headless = withChain(proof, "grant", (chain) => ({
        ...chain,
        note: chain.note.replace(HEADS.vkey.split("+")[0]!, "heads.test/x"),
      }));
      expect(await refusalOf(headless)).to.equal("LOG_SIGNATURE_INVALID");
      const init = "A".repeat(43);
      const elsewhere = await openTrust(trustFile({ ...world.trustPayload(), init }), { now: world.nowMs });
      expect(await refusalOf(proof, elsewhere)).to.equal("GENESIS_MISMATCH");
      const moved = await world.signed(
        "grant.suspend",
        { net: "quanji.test/town", target: stopDigest(grant), epoch: 1 },
        "bureau",
      );
      const foreign = await collideChain(await forged(6, permit), "grant", grant, (commands) =>
        commands.map((command, i) => (i === position - 1 ? { ...command, request: moved } : command)),
      );
      expect(await refusalOf(await draftOf(foreign))).to.equal("NETWORK_MISMATCH");
    });

    it("whatever single value of the file is another", async () => {
      const texts = leaves(proof);
      expect(texts.length).to.be.above(80);
      for (const path of texts) {
        const changed = edited(proof, path, (value) =>
          typeof value === "number" ? value + 1 : flipped(value as string),
        );
        expect(await refusalOf(changed), path.join(".")).not.to.equal("ok");
      }
    });
  });

  describe("and a stop that ended", () => {
    const small = new SmallWorld();
    let again: string;
    let trail: TrailLine[];
    let opened: OpenedTrust;
    const basis = { before: 3 };
    /** The grant's chain as it was attested when the stop was folded in. */
    let whenStopped: TrailLine[];
    before(async () => {
      await small.begin();
      await small.resource({ logs: [LOG] });
      again = await small.grant();
      await small.access(again);
      small.tick(DAY);
      await small.command("grant.suspend", { target: stopDigest(again), epoch: 1 }, "bureau", {
        grant: again,
        stop: true,
      });
      await small.fold(again);
      whenStopped = await small.chainLines(privateScope(NET, MSP), "grant", again);
      small.tick(DAY);
      await small.access(again);
      small.tick(DAY);
      await small.command("grant.resume", { grant: again, epoch: 1 }, "bureau");
      small.tick(DAY);
      await small.access(again);
      opened = await small.trust();
      trail = await small.trailLines("grant", again);
    });
    const last = async (n: number, edit: (record: Forged) => void): Promise<string> => {
      const changed = await collude(trail, (record, i) => {
        if (i === n) edit(record);
        return i <= n;
      });
      return refusalOf(await draftOf(changed), opened);
    };

    it("accuses nobody of a permit after its end, on whichever state it rests", async () => {
      expect(await last(2, () => undefined)).to.equal("FORK_UNPROVEN");
      expect(await last(2, ({ body }) => (body.basis["grant"] = basis.before))).to.equal("FORK_UNPROVEN");
    });

    it("convicts of a permit while it stood, although it ended later", async () => {
      expect(await last(1, permit)).to.equal("ok");
      const stale = (record: Forged): void => {
        permit(record);
        record.body.basis["grant"] = basis.before;
      };
      expect(await last(1, stale)).to.equal("ok");
    });

    it("accuses nobody where the chain is attested for a time before the permit", async () => {
      const stale = await collude(trail, (record, i) => {
        if (i === 1) {
          permit(record);
          record.body.basis["grant"] = basis.before;
        }
        return i <= 1;
      });
      const at = stale.findIndex((line) => line.t === "chain" && line.kind === "grant");
      const length = stale.slice(at).findIndex((line) => line.t === "chainEnd") + 1;
      const early = stale.toSpliced(at, length, ...whenStopped);
      const verdict = await check(await draftOf(early), opened);
      expect([verdict.detail, verdict.message]).to.satisfy(
        ([detail, message]: [string, string]) => detail === "FORK_UNPROVEN" && message.includes("attested"),
      );
    });
  });
});
