/** What they can make with the heads key as well: command chains. */
import { instant, stopDigest, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import { type FlattenedJws, possessionInput, toBase64url, signJws } from "@quanji/chaincode/log";
import { privateScope } from "@quanji/chaincode/world";
import { expect } from "chai";
import { verifyTrail } from "./index.js";
import {
  collideChain,
  type ForgedCommand,
  MSP,
  NET,
  PARTIES,
  RESOURCE,
  sealed,
  sealedText,
  signer,
  START,
  URLS,
} from "./support.test.js";
import {
  type Lines,
  recordsOf,
  world,
  trust,
  grant,
  child,
  lines,
  DAY,
  prepare,
  verdictOf,
  at,
  chainAt,
  drop,
  edit,
  swap,
} from "./tampering.support.test.js";

describe("a trail that was tampered with", () => {
  before(prepare);

  describe("in its command chains, by a gateway, the regulator and the heads key together", () => {
    const insurer = PARTIES.insurer.id;
    const later = (commands: ForgedCommand[], request: FlattenedJws): ForgedCommand[] => [
      ...commands,
      { request, timeMs: commands.at(-1)!.timeMs + 1000 },
    ];
    const append = async (kind: TrailLineOf<"chain">["kind"], id: string, request: FlattenedJws) =>
      verdictOf(await collideChain(lines, kind, id, (commands) => later(commands, request)));

    it("their own forgery without a lie verifies", async () => {
      expect(await verdictOf(await collideChain(lines, "resource", RESOURCE, (commands) => commands))).to.equal("ok");
    });

    it("who may not give a command: ROLE_REQUIRED", async () => {
      const target = { kind: "party" as const, id: insurer };
      const order = { net: NET, order: world.uuid(), target, ground: world.fresh() };
      const chain = async (kind: TrailLineOf<"chain">["kind"], id: string, request: FlattenedJws) =>
        verdictOf(
          await collideChain(lines, kind, id, (commands) => [...commands, { request, timeMs: world.nowMs - 1000 }]),
        );
      expect(await chain("orders", NET, await world.signed("order.freeze", order, "bureau"))).to.equal(
        "PROOF_INVALID · ROLE_REQUIRED",
      );
      const roles = ["regulator"];
      const admit = await world.signed("party.admit", { net: NET, party: insurer, roles }, "bureau");
      const readmitted = await collideChain(lines, "party", insurer, ([first]) => [
        first!,
        { request: admit, timeMs: world.nowMs - 1000 },
      ]);
      expect(await verdictOf(readmitted)).to.equal("PROOF_INVALID · ROLE_REQUIRED");
      expect(
        await chain(
          "party",
          insurer,
          await world.signed("party.admit", { net: NET, party: insurer, roles }, "insurer"),
        ),
      ).to.equal("PROOF_INVALID · COMMAND_REFUSED");
      expect(
        await chain(
          "resource",
          RESOURCE,
          await world.signed("resource.suspend", { net: NET, resource: RESOURCE }, "insurer"),
        ),
      ).to.equal("PROOF_INVALID · ROLE_REQUIRED");
      expect(
        await chain("party", insurer, await world.signed("party.suspend", { net: NET, party: insurer }, "bureau")),
      ).to.equal("PROOF_INVALID · ROLE_REQUIRED");
      expect(
        await chain(
          "grant",
          grant,
          await world.signed("grant.revoke", { net: NET, target: stopDigest(grant), epoch: 1 }, "approver"),
        ),
      ).to.equal("PROOF_INVALID · COMMAND_REFUSED");
      expect(
        await chain(
          "directory",
          NET,
          await world.signed(
            "gateway.register",
            { net: NET, gateway: { name: "gz", msp: MSP, publicUrl: "https://gz.test", jwk: signer("gz").jwk } },
            "bureau",
          ),
        ),
      ).to.equal("PROOF_INVALID · ROLE_REQUIRED");
    });

    it("signed by a stranger, for another network, gateway or route", async () => {
      const suspend = { net: NET, resource: RESOURCE };
      const key = signer("stranger");
      expect(
        await append("resource", RESOURCE, await world.signed("resource.suspend", suspend, "bureau", { key })),
      ).to.equal("PROOF_INVALID · KEY_PARTY");
      const town = { ...suspend, net: "quanji.test/town" };
      expect(await append("resource", RESOURCE, await world.signed("resource.suspend", town, "bureau"))).to.equal(
        "PROOF_INVALID · NETWORK_MISMATCH",
      );
      for (const url of ["https://evil.test/v1/commands/resource.suspend", `${URLS.gw}/v1/commands/resource.resume`]) {
        expect(
          await append("resource", RESOURCE, await world.signed("resource.suspend", suspend, "bureau", { url })),
        ).to.equal("PROOF_INVALID · URL_MISMATCH");
      }
      const signed = await world.signed("resource.suspend", suspend, "bureau");
      expect(await append("resource", RESOURCE, { ...signed, signature: "A".repeat(86) })).to.equal(
        "PROOF_INVALID · SIGNATURE_INVALID",
      );
      expect(await append("resource", RESOURCE, await world.signed("access", { net: NET }, "bureau"))).to.equal(
        "PROOF_INVALID · TYP_MISMATCH",
      );
    });

    it("65 by a key that ended earlier in the chain: KEY_REVOKED", async () => {
      const next = signer("insurer next");
      const possession = toBase64url(next.sign(possessionInput(NET, insurer, next.jwk)));
      const rotation = {
        net: NET,
        party: insurer,
        key: { jwk: next.jwk, purpose: "act", custody: "self" },
        retire: PARTIES.insurer.key.print,
      };
      const rotate = await world.signed("party.rotateKey", { ...rotation, possession }, "insurer");
      const late = await world.signed(
        "party.compromiseKey",
        { net: NET, party: insurer, thumbprint: next.print, since: instant(START) },
        "insurer",
      );
      const chain = (...requests: FlattenedJws[]) =>
        collideChain(lines, "party", insurer, (commands) => [
          ...commands,
          ...requests.map((request, i) => ({ request, timeMs: world.nowMs + i })),
        ]);
      expect(await verdictOf(await chain(rotate))).to.equal("ok");
      expect(await verdictOf(await chain(rotate, late))).to.equal("PROOF_INVALID · KEY_REVOKED");
      const without = await world.signed("party.rotateKey", { ...rotation, possession: "A".repeat(86) }, "insurer");
      expect(await verdictOf(await chain(without))).to.equal("PROOF_INVALID · SIGNATURE_INVALID");
      const other = await world.signed("party.rotateKey", { ...rotation, possession }, "regulator");
      expect(await verdictOf(await chain(other))).to.equal("PROOF_INVALID · ROLE_REQUIRED");
    });

    it("57, 58 a party that another one registers, or under another key", async () => {
      const id = "urn:quanji:nobody";
      const registration = {
        net: NET,
        party: id,
        kind: "person",
        roles: ["user"],
        jurisdiction: "CN",
        home: MSP,
        key: { jwk: signer("n").jwk, purpose: "act", custody: "self" },
      };
      const chain = async (request: FlattenedJws) => {
        const own = await world.chainLines(NET, "party", id);
        const with_ = lines.toSpliced(at("log"), 0, ...own);
        return verdictOf(await collideChain(with_, "party", id, () => [{ request, timeMs: world.nowMs }]));
      };
      expect(await chain(await world.signed("party.register", registration, "insurer"))).to.equal(
        "PROOF_INVALID · KEY_PARTY",
      );
      const kid = async (key: ReturnType<typeof signer>) => {
        const header = {
          alg: "EdDSA" as const,
          iat: world.time,
          jti: world.uuid(),
          kid: `${id}#${key.print}`,
          typ: "quanji-party.register+jws",
          url: `${URLS.gw}/v1/commands/party.register`,
        };
        return signJws(header, registration, key.sign);
      };
      expect(await chain(await kid(signer("m")))).to.equal("PROOF_INVALID · KEY_THUMBPRINT");
      expect(await chain(await kid(signer("n")))).to.equal("ok");
    });

    it("entries that lie about their command", async () => {
      const lie = async (entry: Record<string, unknown>) =>
        verdictOf(await collideChain(lines, "resource", RESOURCE, ([first]) => [{ ...first!, entry }]));
      expect(await lie({ verb: "resource.amend" })).to.equal("PROOF_INVALID · TYP_MISMATCH");
      expect(await lie({ v: "quanji.entry.v2" })).to.equal("PROOF_INVALID · VERSION_UNKNOWN");
      expect(await lie({ extra: 1 })).to.equal("PROOF_INVALID · FIELD_UNKNOWN");
      expect(await lie({ time: "yesterday" })).to.equal("PROOF_INVALID · FIELD_UNKNOWN");
      expect(await lie({ request: "A".repeat(43) })).to.equal("PROOF_INVALID · REQUEST_MISMATCH");
    });

    it("a network that begins twice, otherwise, or founds its regulator again", async () => {
      const { request } = lines[2] as TrailLineOf<"command">;
      const mismatch = "PROOF_INVALID · GENESIS_MISMATCH";
      const second = await world.signed(
        "network.init",
        JSON.parse(Buffer.from(request.payload, "base64url").toString()),
        "regulator",
      );
      expect(await append("directory", NET, second)).to.equal(mismatch);
      expect(await append("party", PARTIES.regulator.id, second)).to.equal(mismatch);
      expect(await verdictOf(await collideChain(lines, "directory", NET, (commands) => commands.slice(1)))).to.equal(
        mismatch,
      );
    });

    it("a sub-grant that its parent's grantee did not make: COMMAND_REFUSED", async () => {
      const derive = lines[chainAt("grant", child) + 1] as TrailLineOf<"command">;
      const payload = JSON.parse(Buffer.from(derive.request.payload, "base64url").toString()) as object;
      const request = await world.signed("grant.derive", payload, "approver");
      const forged = await collideChain(lines, "grant", child, ([first]) => [{ ...first!, request }]);
      expect(await verdictOf(forged)).to.equal("PROOF_INVALID · COMMAND_REFUSED");
    });

    it("a grant in a collection that does not serve its resource: CHAIN_KEY", async () => {
      const scope = privateScope(NET, "ExchangeMSP");
      const moved = edit(chainAt("grant", child), () => ({ scope })) as Lines;
      expect(await verdictOf(await collideChain(moved, "grant", child, (commands) => commands))).to.equal(
        "TRAIL_INCOMPLETE · CHAIN_KEY",
      );
    });

    it("a stop is judged by the key that its signer had when it was given", async () => {
      // Given on the first day by the bureau's old key, folded in on the second, after that key had ended.
      const next = signer("bureau next");
      const { id } = PARTIES.bureau;
      const possession = toBase64url(next.sign(possessionInput(NET, id, next.jwk)));
      const rotation = {
        net: NET,
        party: id,
        key: { jwk: next.jwk, purpose: "act", custody: "self" },
        retire: PARTIES.bureau.key.print,
        possession,
      };
      const rotate = await world.signed("party.rotateKey", rotation, "bureau");
      const rotated = async (timeMs: number) =>
        verdictOf(await collideChain(lines, "party", id, (commands) => [...commands, { request: rotate, timeMs }]));
      expect(await rotated(world.nowMs)).to.equal("ok");
      expect(await rotated(START + DAY / 2)).to.equal("PROOF_INVALID · KEY_REVOKED");
    });
  });

  it("every line dropped, doubled or exchanged with the next is refused", async () => {
    const name = async (changed: readonly unknown[]) => verdictOf(changed);
    for (let i = 0; i < lines.length; i++) {
      expect(await name(drop(i)), `line ${i} dropped`).not.to.equal("ok");
      expect(await name(lines.toSpliced(i, 0, lines[i]!)), `line ${i} doubled`).not.to.equal("ok");
      if (i + 1 < lines.length)
        expect(await name(swap(i, i + 1)), `lines ${i} and ${i + 1} exchanged`).not.to.equal("ok");
    }
  });

  it("every number plus and minus one, and every string from its neighbour, is refused", async () => {
    for (const [i, line] of lines.entries()) {
      for (const [path, changed] of mutationsOf(line, lines[i + 1] ?? lines[0]!)) {
        expect(await verdictOf(lines.with(i, changed as TrailLine)), `line ${i} (${line.t}) ${path}`).not.to.equal(
          "ok",
        );
      }
    }
  });

  it("no low bit of any byte can flip, even where the end line is made anew", async () => {
    const text = sealed(lines).split("\n").slice(0, -2);
    const count = recordsOf(lines).length;
    for (const [i, line] of text.entries()) {
      const step = Math.max(1, Math.floor(line.length / 24));
      for (let at = (i * 7) % step; at < line.length; at += step) {
        const flipped = String.fromCharCode(line.charCodeAt(at) ^ 1);
        const changed = text.with(i, line.slice(0, at) + flipped + line.slice(at + 1));
        const file = sealedText(changed.map((each) => `${each}\n`).join(""), count);
        expect(
          (await verifyTrail(file, trust)).ok,
          `line ${i} byte ${at}: ${line.slice(Math.max(0, at - 20), at + 5)}`,
        ).to.equal(false);
      }
    }
  });
});

const replaced = (value: object, name: string, item: unknown): unknown =>
  Array.isArray(value) ? (value as unknown[]).with(Number(name), item) : { ...value, [name]: item };

/** Every number ±1, every string from the same place of the neighbour line or of its own siblings. */
function* mutationsOf(value: unknown, neighbour: unknown, path = ""): Generator<[string, unknown]> {
  if (typeof value === "number") {
    yield [`${path} + 1`, value + 1];
    if (value > 0) yield [`${path} - 1`, value - 1];
  }
  if (typeof value === "string" && typeof neighbour === "string" && value !== neighbour)
    yield [`${path} from neighbour`, neighbour];
  if (typeof value !== "object" || value === null) return;
  const entries: [string, unknown][] = Object.entries(value);
  for (const [name, item] of entries) {
    const other = (neighbour as Record<string, unknown> | undefined)?.[name];
    for (const [where, changed] of mutationsOf(item, other, `${path}.${name}`)) {
      yield [where, replaced(value, name, changed)];
    }
    const sibling = entries.find(([key, each]) => key !== name && typeof each === typeof item && each !== item);
    if (sibling !== undefined) yield [`${path}.${name} from ${sibling[0]}`, { ...value, [name]: sibling[1] }];
  }
}
