/**
 * Trails of any length, as a gateway would hand them out: command chains and the first records by the real chaincode, the rest
 * like those, with hashes, links, requests and signatures of their own. All follows from seeds, but for the random number in
 * each ES256 signature.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { instant, recordLeaf, recordText } from "@quanji/chaincode/domain";
import {
  appendLeaves,
  canonical,
  type ChainHead,
  type ChainKey,
  chainStart,
  commit,
  emptyFrontier,
  emptyHead,
  extend,
  type FlattenedJws,
  formatCheckpoint,
  formatHeadNote,
  formatNote,
  formatTlogProof,
  type Hash,
  inclusionProof,
  newNodes,
  parseHash,
  requestOfJws,
  rootOf,
  sealedDigest,
  sha256,
  toBase64url,
  utf8,
} from "@quanji/chaincode/log";
import {
  HEADS,
  LOG,
  LOG_KEYS,
  PARTIES,
  RESOURCE,
  SmallWorld,
  trustFile,
} from "../../../client/dist/verify/support.test.js";

/** A log takes a record every so many ms. */
const STEP_MS = 100;
/** Leaves appended to the tree at once. */
const BATCH = 1000;
const LINE_LIMITS = { maxBytes: 64 * 1024, maxDepth: 12 };

type Template = "permit" | "delivery" | "denial";
/** Two deliveries and a denial among five. */
const CYCLE: readonly Template[] = ["permit", "delivery", "permit", "delivery", "denial"];

type Links = Record<"grant" | "party" | "resource", string>;
interface Parts {
  readonly face: Record<string, unknown>;
  readonly body: Record<string, unknown>;
}

export interface MadeTrail {
  readonly bytes: number;
  /** Requests that somebody signed: a delivery has that of its access. */
  readonly signatures: number;
  /** When it was made, ms since 1970, on the trail's own clock: nothing in it is later. */
  readonly nowMs: number;
}

/** Writes a trail of one grant with `count` records, a multiple of five, and the trust file under which it verifies. */
export async function makeTrail(count: number, trailFile: string, trustPath: string): Promise<MadeTrail> {
  const stage = await setStage();
  const out = new TrailFile(trailFile);
  const lines = await stage.world.trailLines("grant", stage.grant);
  for (const line of lines.slice(
    0,
    lines.findIndex(({ t }) => t === "log"),
  ))
    await out.write(line);
  await out.write({ t: "log", log: LOG, start: { n: 0 } });
  const log = new GrowingLog(stage, count);
  for (let i = 0; i < count; i++) await out.write(await log.next());
  await out.write(await log.end());
  const { nowMs } = log;
  await writeFile(trustPath, trustFile(stage.world.trustPayload({ expires: instant(nowMs + 400 * 86_400_000) })));
  return { bytes: await out.end(count), signatures: log.signatures, nowMs };
}

interface Stage {
  readonly world: SmallWorld;
  readonly grant: string;
  readonly templates: Readonly<Record<Template, Parts>>;
  readonly access: Readonly<Record<"permit" | "denial", Record<string, unknown>>>;
}

/** The network with one grant, and one record of each kind as the chaincode makes it. */
async function setStage(): Promise<Stage> {
  const world = await new SmallWorld().begin();
  await world.resource({ route: [[PARTIES.bureau.id]] });
  const grant = world.uuid();
  const request = {
    grant,
    resource: `${RESOURCE}@1`,
    depth: 0,
    logs: [LOG],
    terms: world.terms({ actions: ["query"] }),
    grantor: PARTIES.bureau.id,
    right: "holding" as const,
    route: [[PARTIES.bureau.id]],
  };
  await world.command("grant.request", request, "approver");
  await world.command("grant.approve", { grant }, "bureau");
  const permit = await world.access(grant, {}, "approver");
  const delivery = await world.deliver(permit);
  const denial = await world.access(grant, { purpose: "marketing" }, "approver");
  const parts = (index: number): Parts => {
    const { face, body } = world.find(LOG, index).stored;
    return { face: JSON.parse(face) as Parts["face"], body: JSON.parse(body) as Parts["body"] };
  };
  const asked = (index: number): Record<string, unknown> => {
    const { payload } = world.find(LOG, index).stored.request as FlattenedJws;
    return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  };
  return {
    world,
    grant,
    templates: { permit: parts(permit), delivery: parts(delivery), denial: parts(denial) },
    access: { permit: asked(permit), denial: asked(denial) },
  };
}

class GrowingLog {
  nowMs: number;
  signatures = 0;
  readonly #stage: Stage;
  readonly #count: number;
  readonly #heads: Record<keyof Links, ChainHead>;
  readonly #key: ChainKey;
  readonly #wanted = new Set<string>();
  readonly #nodes = new Map<string, Hash>();
  #frontier = emptyFrontier();
  #leaves: Hash[] = [];
  #index = 0;
  #permitted = 0;
  #access: { readonly index: number; readonly request: string } = { index: 0, request: "" };

  constructor(stage: Stage, count: number) {
    this.#stage = stage;
    this.#count = count;
    this.nowMs = stage.world.nowMs;
    this.#key = { scope: LOG, kind: "grant", id: stage.grant };
    const head = (kind: keyof Links, id: string): ChainHead => emptyHead({ scope: LOG, kind, id });
    this.#heads = {
      grant: head("grant", stage.grant),
      party: head("party", PARTIES.approver.id),
      resource: head("resource", RESOURCE),
    };
  }

  /** The next record's line. */
  async next(): Promise<object> {
    const index = this.#index++;
    const template = CYCLE[index % CYCLE.length] ?? "denial";
    this.nowMs += STEP_MS;
    const time = instant(this.nowMs);
    const request = template === "delivery" ? undefined : await this.#signed(template);
    if (request !== undefined) this.#access = { index, request: requestOfJws(request) };
    const id = uuidOf(`record ${index}`);
    const grantOpening = { salt: saltOf(`grant ${index}`), value: linkOf(this.#heads.grant) };
    const { face, body } = this.#stage.templates[template];
    const bytes = {
      face: canonical({ ...face, hour: `${time.slice(0, 13)}Z`, index }),
      body: canonical({
        ...body,
        id,
        time,
        nonce: saltOf(`nonce ${index}`).slice(0, 21) + "A",
        request: this.#access.request,
        links: {
          grant: commit([id], "links.grant", grantOpening),
          party: commit([id], "links.party", { salt: saltOf(`party ${index}`), value: linkOf(this.#heads.party) }),
          resource: commit([id], "links.resource", {
            salt: saltOf(`resource ${index}`),
            value: linkOf(this.#heads.resource),
          }),
        },
        ...(template !== "delivery" && { used: this.#permitted }),
        ...(template === "permit" && { deliverBefore: instant(this.nowMs + 30_000) }),
        ...(template === "delivery" && { access: this.#access.index }),
      }),
    };
    if (template === "permit") this.#permitted++;
    await this.#append(recordLeaf(bytes));
    const line = { t: "record", r: recordText(bytes), o: { "links.grant": grantOpening } };
    return request === undefined ? line : { ...line, q: request };
  }

  #signed(template: "permit" | "denial"): Promise<FlattenedJws> {
    const { world, access } = this.#stage;
    world.nowMs = this.nowMs;
    const payload = { ...access[template], seq: this.signatures };
    const jti = uuidOf(`jti ${this.signatures++}`);
    return world.signed("access", payload, "approver", { jti });
  }

  async #append(leaf: Hash): Promise<void> {
    for (const kind of ["grant", "party", "resource"] as const) this.#heads[kind] = extend(this.#heads[kind], leaf);
    this.#leaves.push(leaf);
    if (this.#leaves.length === BATCH) await this.#grow();
  }

  /** Keeps of the tree what the last record's proof needs, and no more. */
  async #grow(): Promise<void> {
    if (this.#wanted.size === 0) {
      await inclusionProof(this.#count - 1, this.#count, (level, index) => {
        this.#wanted.add(`${level}/${index}`);
        return emptyRoot;
      });
    }
    for (const { level, index, hash } of newNodes(this.#frontier, this.#leaves)) {
      const name = `${level}/${index}`;
      if (this.#wanted.has(name)) this.#nodes.set(name, hash);
    }
    this.#frontier = appendLeaves(this.#frontier, this.#leaves);
    this.#leaves = [];
  }

  /** The log's end: head note, opening, and the proof of the last record. */
  async end(): Promise<object> {
    await this.#grow();
    const head = { scope: LOG, number: this.#count, hash: rootOf(this.#frontier) };
    const salt = saltOf("head");
    const state = parseHash(sealedDigest(this.#heads.grant, salt));
    const block = { number: this.#count, hash: sha256(utf8("block")) };
    const time = Math.ceil(this.nowMs / 1000);
    const note = formatHeadNote({ at: head, key: chainStart(this.#key), state, block, time });
    const checkpoint = formatCheckpoint({ origin: LOG, size: this.#count, root: head.hash });
    const index = this.#count - 1;
    const proof = await inclusionProof(index, this.#count, (level, i) => this.#nodes.get(`${level}/${i}`) ?? emptyRoot);
    return {
      t: "logEnd",
      log: LOG,
      note: formatNote({ text: note, signatures: [await HEADS.note(note)] }),
      opening: { ...this.#heads.grant, salt },
      proof: formatTlogProof({
        index,
        proof,
        note: { text: checkpoint, signatures: [await logKey.note(checkpoint)] },
      }),
    };
  }
}

const logKey = ((): (typeof LOG_KEYS)[string] => {
  const key = LOG_KEYS[LOG];
  if (key === undefined) throw new Error("the world's log has no key");
  return key;
})();
const emptyRoot = rootOf(emptyFrontier());

const hashOf = (name: string): Buffer => createHash("sha256").update(`quanji bench trail ${name}`).digest();
const saltOf = (name: string): string => toBase64url(hashOf(name));
function uuidOf(name: string): string {
  const hex = hashOf(name).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
const linkOf = ({ h, n }: ChainHead): { readonly n: number; readonly prev: string } => ({ n, prev: h });

/** Lines on their way to a file, with the digest that the end line states. */
class TrailFile {
  readonly #stream;
  readonly #digest = createHash("sha256");
  #bytes = 0;
  #text: string[] = [];

  constructor(file: string) {
    this.#stream = createWriteStream(file);
  }

  async write(line: object): Promise<void> {
    this.#text.push(`${canonical(line, "request" in line ? { maxBytes: 1 << 22, maxDepth: 12 } : LINE_LIMITS)}\n`);
    if (this.#text.length >= 100) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = utf8(this.#text.join(""));
    this.#text = [];
    this.#digest.update(bytes);
    this.#bytes += bytes.length;
    if (!this.#stream.write(bytes)) await once(this.#stream, "drain");
  }

  /** Answers the file's bytes. */
  async end(count: number): Promise<number> {
    await this.#flush();
    await this.write({ t: "end", count, digest: this.#digest.copy().digest("base64url") });
    await this.#flush();
    this.#stream.end();
    await once(this.#stream, "finish");
    return this.#bytes;
  }
}
