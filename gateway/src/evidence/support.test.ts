/** A plain reader of trails for tests: parses every line, folds every chain, checks every signature. Holds no test itself. */
import { createHash } from "node:crypto";
import {
  COMMAND_LINE_LIMITS,
  parseRecord,
  recordLeaf,
  type RecordBytes,
  splitRecordText,
  TrailLine,
  type TrailLineOf,
} from "@quanji/chaincode/domain";
import {
  type ChainHead,
  type ChainKey,
  chainStart,
  emptyHead,
  entryLeaf,
  equalBytes,
  extend,
  type HashText,
  hashText,
  type HeadNote,
  openCheckpoint,
  openHeadNote,
  parseCanonical,
  parseTlogProof,
  sealedDigest,
  thumbprint,
  verifyCommitment,
  verifyTlogProof,
} from "@quanji/chaincode/log";
import { nodeVerifier } from "@quanji/chaincode/world";
import { expect } from "chai";
import { HeadWitness } from "../witness/heads.js";
import { LogSigner } from "../witness/log-signer.js";
import { LOG, NET, OTHER_LOG, type Story } from "../readmodel/story.test.js";
import type { LedgerIndex } from "../readmodel/ledger-index.js";
import type { Audience, GatewayKey } from "./context.js";
import { makeTrail, type TrailContext } from "./trail.js";
import type { TrailQuery } from "./trail-plan.js";

export const verify = nodeVerifier();

export function contextOf(story: Story, index: LedgerIndex): TrailContext & { readonly gateway: GatewayKey } {
  return {
    index,
    ledger: story.ledger,
    logs: [LOG, OTHER_LOG].map((log) => new LogSigner(story.logs[log as typeof LOG])),
    witness: new HeadWitness({ index, net: NET, signer: story.heads }),
    clock: () => story.ledger.now,
    gateway: { kid: `gw#${thumbprint(story.gateway.jwk)}`, jwk: story.gateway.jwk, sign: story.gateway.sign },
  };
}

export async function trailText(context: TrailContext, query: TrailQuery, audience: Audience): Promise<string> {
  let text = "";
  for await (const line of makeTrail(context, query, audience)) text += line;
  return text;
}

export const parseLines = (text: string): TrailLine[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => TrailLine.parse(parseCanonical(line, COMMAND_LINE_LIMITS)));

export interface ReadChain {
  readonly key: ChainKey;
  readonly commands: readonly TrailLineOf<"command">[];
  readonly note: HeadNote;
}

export interface ReadLog {
  readonly log: string;
  readonly indexes: readonly number[];
  readonly end: TrailLineOf<"logEnd">;
  /** Absent where a next record ends the section. */
  readonly note?: HeadNote;
}

export interface ReadTrail {
  readonly chains: readonly ReadChain[];
  readonly logs: readonly ReadLog[];
  readonly lines: readonly TrailLine[];
}

/** Throws at the first thing that does not link up. */
export async function readTrail(text: string, story: Story): Promise<ReadTrail> {
  const lines = parseLines(text);
  const [first, ...rest] = lines;
  if (first?.t !== "trail") throw new Error("a trail begins with its own line");
  const end = rest.pop();
  const body = text.slice(0, text.trimEnd().lastIndexOf("\n") + 1);
  const digest = createHash("sha256").update(body).digest("base64url");
  expect(end).to.deep.equal({ t: "end", count: rest.filter(({ t }) => t === "record").length, digest });
  const chains: ReadChain[] = [];
  const logs: ReadLog[] = [];
  while (rest.length > 0) {
    const line = rest.shift();
    if (line?.t === "chain") chains.push(await readChain(line, rest, story));
    else if (line?.t === "log") logs.push(await readLog(line, first.key, rest, story));
    else throw new Error(`a ${line?.t} line stands where a section begins`);
  }
  return { chains, logs, lines };
}

async function readChain(line: TrailLineOf<"chain">, rest: TrailLine[], story: Story): Promise<ReadChain> {
  const key = { scope: line.scope, kind: line.kind, id: line.id };
  const commands: TrailLineOf<"command">[] = [];
  let head: ChainHead = emptyHead(key);
  for (let next = rest.shift(); ; next = rest.shift()) {
    if (next?.t === "command") {
      head = extend(head, entryLeaf(next.entry));
      commands.push(next);
    } else if (next?.t === "chainEnd") {
      expect(next.opening).to.include(head);
      return { key, commands, note: await readNote(next.note, key, next.opening, story) };
    } else throw new Error(`a ${next?.t} line stands in a chain`);
  }
}

async function readNote(
  text: string,
  key: ChainKey,
  opening: TrailLineOf<"chainEnd">["opening"] | undefined,
  story: Story,
) {
  const note = await openHeadNote(text, story.heads.key, verify);
  expect(equalBytes(note.key, chainStart(key)), "the note names the chain").to.equal(true);
  if (note.state === "none") expect(opening?.n ?? 0).to.equal(0);
  else expect(hashText(note.state)).to.equal(sealedDigest({ h: opening!.h as HashText, n: opening!.n }, opening!.salt));
  return note;
}

async function readLog(
  { log, start }: TrailLineOf<"log">,
  { kind, id }: TrailLineOf<"trail">["key"],
  rest: TrailLine[],
  story: Story,
): Promise<ReadLog> {
  if (kind === "subject") throw new Error("a subject's trail has no chain of its own");
  const key: ChainKey = { scope: log, kind, id };
  const path = `links.${kind}`;
  let head: ChainHead = emptyHead(key);
  let last: RecordBytes | undefined;
  const take = (text: string, opening: { salt: string; value: unknown } | undefined, known: boolean): number => {
    const bytes = splitRecordText(text);
    const record = parseRecord(bytes);
    const value = opening!.value as { n: number; prev: HashText };
    const links: Readonly<Record<string, string | undefined>> = record.body.links;
    verifyCommitment(links[kind] ?? "", [record.body.id], path, {
      salt: opening!.salt,
      value: { n: value.n, prev: value.prev },
    });
    if (known) expect(value).to.deep.equal({ n: head.n, prev: head.h });
    head = extend({ h: value.prev, n: value.n }, recordLeaf(bytes));
    last = bytes;
    return record.face.index;
  };
  if ("record" in start) take(start.record, start.opening, false);
  const indexes: number[] = [];
  for (let next = rest.shift(); ; next = rest.shift()) {
    if (next?.t === "record") {
      expect(Object.keys(next.o).filter((name) => name.startsWith("links."))).to.deep.equal([path]);
      indexes.push(take(next.r, next.o[path], true));
    } else if (next?.t === "logEnd") {
      if (next.next !== undefined) {
        take(next.next.record, next.next.opening, true);
        await assertProven(next.next.proof, last!, log, story);
        return { log, indexes, end: next };
      }
      const note = await readNote(next.note!, key, next.opening, story);
      expect(next.opening?.n ?? 0).to.equal(head.n);
      expect(next.opening?.h ?? head.h).to.equal(head.h);
      if (next.proof !== undefined) await assertProven(next.proof, last!, log, story, note);
      return { log, indexes, end: next, note };
    } else throw new Error(`a ${next?.t} line stands in a log`);
  }
}

export async function assertProven(
  text: string,
  bytes: RecordBytes,
  log: string,
  story: Story,
  note?: HeadNote,
): Promise<void> {
  const proof = parseTlogProof(text);
  const noteText = text.slice(text.indexOf("\n\n") + 2);
  const { checkpoint } = await openCheckpoint(noteText, [story.logs[log as typeof LOG].key], [], verify);
  verifyTlogProof(proof, recordLeaf(bytes));
  expect(proof.index).to.equal(parseRecord(bytes).face.index);
  if (note !== undefined) {
    expect(note.at).to.deep.equal({ scope: checkpoint.origin, number: checkpoint.size, hash: checkpoint.root });
  }
}
