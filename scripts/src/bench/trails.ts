/**
 * Trails of any length, as a gateway would hand them out: command chains and the first records by the real chaincode, the rest
 * like those, with hashes, links, requests and signatures of their own. All follows from seeds, but for the random number in
 * each ES256 signature.
 */
import { createHash, hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { instant, recordLeaf, recordText } from "@quanji/chaincode/domain";
import {
  algorithmOf,
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
  type Opening,
  parseHash,
  requestOfJws,
  rootOf,
  sealedDigest,
  sha256,
  toBase64url,
  typOf,
  utf8,
} from "@quanji/chaincode/log";
import {
  HEADS,
  kidOf,
  LOG,
  LOG_KEYS,
  PARTIES,
  RESOURCE,
  SmallWorld,
  trustFile,
  URLS,
} from "../../../client/dist/verify/support.test.js";

/** A log takes a record every so many ms. */
const STEP_MS = 100;
/** Records made, and leaves appended to the tree, at once. */
const BATCH = 1000;
/** Tests verify by their machine's clock. */
const EXPIRES = "2999-12-31T00:00:00.000Z";
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
  const startMs = stage.world.nowMs;
  stage.world.nowMs += count * STEP_MS; // the chains are attested as far as the log
  const out = new TrailFile(trailFile);
  const lines = await stage.world.trailLines("grant", stage.grant);
  for (const line of lines.slice(
    0,
    lines.findIndex(({ t }) => t === "log"),
  ))
    await out.write(lineText(line));
  await out.write(lineText({ t: "log", log: LOG, start: { n: 0 } }));
  const log = new GrowingLog(stage, count, startMs);
  // While one block is signed on other threads, the next is made.
  let before: Promise<string> = Promise.resolve("");
  for (let made = 0; made < count; made += BATCH) {
    const block = log.next(Math.min(BATCH, count - made));
    await out.write(await before);
    before = block;
  }
  await out.write(await before);
  await out.write(lineText(await log.end()));
  const { nowMs } = log;
  await writeFile(trustPath, trustFile(stage.world.trustPayload({ expires: EXPIRES })));
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

/** Canonical texts of each kind of record and request, with places to fill in. */
interface Forms {
  readonly face: Form;
  readonly body: Form;
  /** Of the request; a delivery has none of its own. */
  readonly header?: Form;
  readonly payload?: Form;
}

function formsOf({ templates, access }: Stage, template: Template): Forms {
  const { face, body } = templates[template];
  const key = PARTIES.approver.key;
  const common = { id: "$id$", time: "$time$", nonce: "$nonce$", request: "$request$" };
  const links = { grant: "$grant$", party: "$party$", resource: "$resource$" };
  const forms = {
    face: new Form({ ...face, hour: "$hour$", index: "#index#" }),
    body: new Form({
      ...body,
      ...common,
      links,
      ...(template !== "delivery" && { used: "#used#" }),
      ...(template === "permit" && { deliverBefore: "$before$" }),
      ...(template === "delivery" && { access: "#access#" }),
    }),
  };
  if (template === "delivery") return forms;
  const header = {
    alg: algorithmOf(key.jwk),
    iat: "#iat#",
    jti: "$jti$",
    kid: kidOf(PARTIES.approver.id, key),
    typ: typOf("access"),
    url: `${URLS.gw}/v1/access`,
  };
  return { ...forms, header: new Form(header), payload: new Form({ ...access[template], seq: "#seq#" }) };
}

class GrowingLog {
  nowMs: number;
  signatures = 0;
  readonly #count: number;
  readonly #forms: Readonly<Record<Template, Forms>>;
  readonly #heads: Record<keyof Links, ChainHead>;
  readonly #key: ChainKey;
  readonly #wanted = new Set<string>();
  readonly #nodes = new Map<string, Hash>();
  #frontier = emptyFrontier();
  #leaves: Hash[] = [];
  #index = 0;
  #permitted = 0;
  #access: { readonly index: number; readonly request: string } = { index: 0, request: "" };

  constructor(stage: Stage, count: number, startMs: number) {
    this.#count = count;
    this.nowMs = startMs;
    this.#key = { scope: LOG, kind: "grant", id: stage.grant };
    this.#forms = {
      permit: formsOf(stage, "permit"),
      delivery: formsOf(stage, "delivery"),
      denial: formsOf(stage, "denial"),
    };
    const head = (kind: keyof Links, id: string): ChainHead => emptyHead({ scope: LOG, kind, id });
    this.#heads = {
      grant: head("grant", stage.grant),
      party: head("party", PARTIES.approver.id),
      resource: head("resource", RESOURCE),
    };
  }

  /** Lines of the next records, once they are signed. */
  async next(count: number): Promise<string> {
    const lines: Promise<string>[] = [];
    for (let i = 0; i < count; i++) lines.push(this.#one());
    await this.#grow();
    return (await Promise.all(lines)).join("");
  }

  #one(): Promise<string> {
    const index = this.#index++;
    const template = CYCLE[index % CYCLE.length] ?? "denial";
    this.nowMs += STEP_MS;
    const time = instant(this.nowMs);
    const forms = this.#forms[template];
    const request = this.#request(forms, index);
    const id = uuidOf(`record ${index}`);
    const salt = saltOf(`grant ${index}`);
    const grant = { salt, value: linkOf(this.#heads.grant) };
    const commitment = (kind: keyof Links, opening: Opening): string => commit([id], `links.${kind}`, opening);
    const sealed = (kind: "party" | "resource"): string =>
      commitment(kind, { salt: saltOf(`${kind} ${index}`), value: linkOf(this.#heads[kind]) });
    const bytes = {
      face: forms.face.fill({ hour: `${time.slice(0, 13)}Z`, index }),
      body: forms.body.fill({
        id,
        time,
        nonce: `${saltOf(`nonce ${index}`).slice(0, 21)}A`,
        request: this.#access.request,
        grant: commitment("grant", grant),
        party: sealed("party"),
        resource: sealed("resource"),
        used: this.#permitted,
        before: instant(this.nowMs + 30_000),
        access: this.#access.index,
      }),
    };
    if (template === "permit") this.#permitted++;
    this.#append(recordLeaf(bytes));
    const opening = `{"links.grant":{"salt":"${salt}","value":{"n":${grant.value.n},"prev":"${grant.value.prev}"}}}`;
    const record = JSON.stringify(recordText(bytes));
    if (request === undefined) return Promise.resolve(`{"o":${opening},"r":${record},"t":"record"}\n`);
    const { payload, protected: header } = request;
    return PARTIES.approver.key.signAside(utf8(`${header}.${payload}`)).then((signature) => {
      const q = `{"payload":"${payload}","protected":"${header}","signature":"${toBase64url(signature)}"}`;
      return `{"o":${opening},"q":${q},"r":${record},"t":"record"}\n`;
    });
  }

  #request({ header, payload }: Forms, index: number): Pick<FlattenedJws, "payload" | "protected"> | undefined {
    if (header === undefined || payload === undefined) return undefined;
    const seq = this.signatures++;
    const request = {
      payload: base64url(payload.fill({ seq })),
      protected: base64url(header.fill({ iat: Math.floor(this.nowMs / 1000), jti: uuidOf(`jti ${seq}`) })),
    };
    this.#access = { index, request: requestOfJws({ ...request, signature: "" }) };
    return request;
  }

  #append(leaf: Hash): void {
    for (const kind of ["grant", "party", "resource"] as const) this.#heads[kind] = extend(this.#heads[kind], leaf);
    this.#leaves.push(leaf);
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

const saltOf = (name: string): string => hash("sha256", `quanji bench trail ${name}`, "base64url");
const base64url = (text: string): string => Buffer.from(text).toString("base64url");
function uuidOf(name: string): string {
  const hex = hash("sha256", `quanji bench trail ${name}`, "hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
const linkOf = ({ h, n }: ChainHead): { readonly n: number; readonly prev: string } => ({ n, prev: h });

const lineText = (line: object): string =>
  `${canonical(line, "request" in line ? { maxBytes: 1 << 22, maxDepth: 12 } : LINE_LIMITS)}\n`;

/** A canonical text with places: `$name$` within a string, `"#name#"` for a number. Made once, filled a million times. */
class Form {
  /** Texts and, between them, names. */
  readonly #parts: readonly string[];

  constructor(value: object) {
    this.#parts = canonical(value).split(/(?:"#|\$)([a-z]+)(?:#"|\$)/);
  }

  /** Values need no escaping. */
  fill(values: Readonly<Record<string, string | number>>): string {
    let text = "";
    for (const [i, part] of this.#parts.entries()) text += i % 2 === 0 ? part : String(values[part] ?? "");
    return text;
  }
}

/** Lines on their way to a file, with the digest that the end line states. */
class TrailFile {
  readonly #stream;
  readonly #digest = createHash("sha256");
  #bytes = 0;

  constructor(file: string) {
    this.#stream = createWriteStream(file);
  }

  /** Whole lines. */
  async write(lines: string): Promise<void> {
    const bytes = utf8(lines);
    this.#digest.update(bytes);
    this.#bytes += bytes.length;
    if (!this.#stream.write(bytes)) await once(this.#stream, "drain");
  }

  /** Answers the file's bytes. */
  async end(count: number): Promise<number> {
    await this.write(lineText({ t: "end", count, digest: this.#digest.copy().digest("base64url") }));
    this.#stream.end();
    await once(this.#stream, "finish");
    return this.#bytes;
  }
}
