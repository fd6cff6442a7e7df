/**
 * Vectors of this implementation for others to check: `test/vectors/ours.json`, read by `go test` in `test/vectors/go`.
 * All of it follows from seeds, so it can be made anew and compared; where it changes, a format has changed.
 */
import {
  appendLeaves,
  bulkTag,
  type ChainHead,
  type ChainKey,
  chainStart,
  commit,
  consistencyProof,
  cosignNote,
  emptyFrontier,
  emptyHead,
  extend,
  formatCheckpoint,
  formatHeadNote,
  formatNote,
  formatTlogProof,
  formatVkey,
  type Hash,
  hashText,
  headOf,
  inclusionProof,
  indexLeaf,
  indexSalt,
  indexState,
  leafOf,
  leafOfHashes,
  NOTE_TYPES,
  parseHash,
  PUBLIC_SALT,
  rootAt,
  rootOf,
  sealedDigest,
  sha256Text,
  type SignedNote,
  signNote,
  subjectStart,
  subjectTag,
  tagKeyCommitment,
  toBase64,
} from "@quanji/chaincode/log";
import { grownTree, leafAt, markedTree, SEED, signer, type Signer } from "./support.js";

/** 2025-11-20T07:36:03Z, in seconds: the instant of the examples in the protocol. */
const TIME = 1763624163;

const ORIGIN = "quanji.example/szx/gw-transport/0";
const log = signer(ORIGIN, NOTE_TYPES.ed25519);
const heads = signer("witness.dsj.example/heads", NOTE_TYPES.ed25519);
const witnesses = ["witness.dsj.example/w", "witness.audit.example/w"].map((name) =>
  signer(name, NOTE_TYPES.cosignature),
);

const proofOf = (hashes: readonly Hash[]): string[] => hashes.map(toBase64);

async function trees() {
  const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 257];
  return Promise.all(
    sizes.map(async (size) => {
      const { frontier, read } = grownTree(size);
      const picks = [...new Set([0, Math.floor(size / 3), Math.floor(size / 2), size - 1])];
      return {
        size,
        root: toBase64(headOf(frontier).root),
        inclusion: await Promise.all(
          picks.map(async (index) => ({ index, proof: proofOf(await inclusionProof(index, size, read)) })),
        ),
        consistency: await Promise.all(
          picks.map(async (pick) => ({ from: pick + 1, proof: proofOf(await consistencyProof(pick + 1, size, read)) })),
        ),
      };
    }),
  );
}

/** Where 32-bit and 53-bit arithmetic breaks: inclusion of the one leaf that differs, and growth from just after it. */
async function large() {
  const places = [
    [2 ** 31 - 1, 2 ** 31],
    [2 ** 31, 2 ** 31 + 1],
    [2 ** 32 - 1, 2 ** 32 + 1],
    [2 ** 32, 2 ** 32 + 1],
    [2 ** 32 + 1, 2 ** 40 + 12345],
    [2 ** 52, 2 ** 53 - 1],
    [2 ** 53 - 2, 2 ** 53 - 1],
  ] as const;
  return Promise.all(
    places.map(async ([index, size]) => {
      const read = markedTree(index);
      return {
        index,
        size,
        root: toBase64(await rootAt(size, read)),
        proof: proofOf(await inclusionProof(index, size, read)),
        fromRoot: toBase64(await rootAt(index + 1, read)),
        growth: proofOf(await consistencyProof(index + 1, size, read)),
      };
    }),
  );
}

async function notes() {
  const texts = [
    "one line\n",
    "\n",
    "a blank line\n\nand another\n\n\nwithin\n",
    "授权 — 权迹 🙂\n",
    `— ${ORIGIN} AAAAAAA=\n`,
    "x".repeat(10_000) + "\n",
  ];
  const strangers = [signer("stranger.example", NOTE_TYPES.ed25519)];
  return Promise.all(
    texts.map(async (text, i) => {
      const signatures = await Promise.all(
        [log, heads, ...strangers].slice(0, 1 + (i % 3)).map(({ key, sign }) => signNote(text, key, sign)),
      );
      const known = [log, heads].slice(0, signatures.length);
      return { note: formatNote({ text, signatures }), text, vkeys: known.map(vkeyOf) };
    }),
  );
}

const vkeyOf = ({ key }: Signer): string => formatVkey(key);

async function checkpointAt(size: number): Promise<SignedNote> {
  const text = formatCheckpoint({ origin: ORIGIN, ...headOf(grownTree(size).frontier) });
  const cosigned = witnesses.map(({ key, sign }, i) => cosignNote(text, key, TIME + i, sign));
  return { text, signatures: [await signNote(text, log.key, log.sign), ...(await Promise.all(cosigned))] };
}

async function checkpoints() {
  return Promise.all(
    [0, 1, 3, 1000].map(async (size) => ({
      note: formatNote(await checkpointAt(size)),
      origin: ORIGIN,
      size,
      root: toBase64(headOf(grownTree(size).frontier).root),
      times: [TIME, TIME + 1],
    })),
  );
}

async function proofs() {
  const places = [
    [0, 1],
    [1, 3],
    [6, 11],
    [99, 100],
  ] as const;
  return Promise.all(
    places.map(async ([index, size]) => {
      const proof = await inclusionProof(index, size, grownTree(size).read);
      return { file: formatTlogProof({ index, proof, note: await checkpointAt(size) }), index, size };
    }),
  );
}

/** A chain of three entries, its head sealed with the public salt, and the head note that speaks of it. */
async function chain() {
  const key: ChainKey = { scope: ORIGIN, kind: "grant", id: "019360c2-8000-7000-8000-000000000001" };
  let head: ChainHead = emptyHead(key);
  for (let i = 0; i < 3; i++) head = extend(head, leafAt(i));
  const digest = sealedDigest(head, PUBLIC_SALT);
  const { size, root } = headOf(grownTree(3).frontier);
  const text = formatHeadNote({
    at: { scope: ORIGIN, number: size, hash: root },
    key: chainStart(key),
    state: parseHash(digest),
    block: { number: 4711, hash: leafAt(4711) },
    time: TIME,
  });
  const note = formatNote({ text, signatures: [await signNote(text, heads.key, heads.sign)] });
  return { ...key, start: toBase64(chainStart(key)), head: head.h, digest, note };
}

function record() {
  const face = '{"class":"credit.feature","count":1,"decision":"permit","v":"quanji.record.v1"}';
  const body = '{"id":"019360c2-8000-7000-8000-000000000002","nonce":"q_TNVBlQbocUqzulMCI9DQ"}';
  return { face, body, leaf: toBase64(leafOf(face, body)) };
}

function commitment() {
  const context = ["019360c2-8000-7000-8000-000000000002"];
  const opening = { salt: hashText(leafAt(0)), value: { n: 2, prev: hashText(leafAt(1)) } };
  return { context, path: "links.grant", ...opening, commitment: commit(context, "links.grant", opening) };
}

/**
 * Tags of two persons and of bulk uses, and an index of one log in which they stand: each person's head is that of two records, the
 * second of them sealed by an order and known by its digests alone.
 */
function subject() {
  const [net, steward, quarter] = ["quanji.example/szx", "12440300MB2D00001A", "2025Q4"];
  const key = leafAt(70);
  const names = ["510100199001011234", " 5101 0019850505123x"];
  const [f, b] = [sha256Text("face"), sha256Text("body")];
  const sealed = leafOfHashes(parseHash(f), parseHash(b));
  const seed = hashText(leafAt(71));
  const from = 81;
  const persons = names.map((identifier) => {
    const tag = subjectTag(key, identifier);
    const start = subjectStart(ORIGIN, from, tag);
    const head = extend(extend(start, leafAt(0)), sealed);
    const state = indexState(seed, tag, head);
    const leaf = toBase64(indexLeaf(tag, state));
    return { identifier, tag, start: start.h, head: head.h, salt: indexSalt(seed, tag), state, leaf };
  });
  const rising = persons.toSorted((a, c) => (a.tag < c.tag ? -1 : 1)).map(({ tag, state }) => indexLeaf(tag, state));
  return {
    ...{ net, steward, quarter, key: hashText(key), commitment: tagKeyCommitment(key, net, steward, quarter) },
    bulk: bulkTag(steward),
    index: {
      log: ORIGIN,
      from,
      seed,
      size: rising.length,
      root: toBase64(rootOf(appendLeaves(emptyFrontier(), rising))),
    },
    sealed: { f, b, leaf: toBase64(sealed) },
    persons,
  };
}

/** The whole file, one object. */
export async function ourVectors() {
  return {
    seed: SEED,
    vkeys: { log: vkeyOf(log), heads: vkeyOf(heads), witnesses: witnesses.map(vkeyOf) },
    trees: await trees(),
    large: await large(),
    notes: await notes(),
    checkpoints: await checkpoints(),
    proofs: await proofs(),
    chain: await chain(),
    record: record(),
    commitment: commitment(),
    subject: subject(),
  };
}

/** Text of the file, and where it stands. */
export const ourText = async (): Promise<string> => `${JSON.stringify(await ourVectors(), null, 1)}\n`;
export const OUR_FILE = new URL("../../../test/vectors/ours.json", import.meta.url);
