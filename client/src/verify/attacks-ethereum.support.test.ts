/** Attacks on commands that owners signed with Ethereum keys, in a grant's trail. Holds no test itself. */
import { type Payload, type Receipt, stopDigest, type TrailLine, type TrailLineOf } from "@quanji/chaincode/domain";
import {
  canonical,
  concat,
  type FlattenedJws,
  fromBase64url,
  lowerS,
  parseCommandJws,
  signedBytes,
  toBase64url,
  type TypedData,
  typedBytes,
  typedCommand,
  utf8,
} from "@quanji/chaincode/log";
import { signer } from "./keys.support.test.js";
import { collideChain, LOG, PARTIES, sealed, signReceipt, SmallWorld } from "./support.test.js";

const KEYS = { bureau: signer("bureau's account", "EIP712"), approver: signer("approver's account", "EIP712") };

export let world: SmallWorld;
/** A grant's trail: approved, used and revoked by owners with Ethereum keys. */
export let lines: TrailLine[];

let made: Promise<void> | undefined;
/** For `before`: the records are made once. */
export const prepareEthereum = (): Promise<void> => (made ??= make());

async function make(): Promise<void> {
  world = await new SmallWorld(KEYS).begin();
  await world.resource();
  const grant = await world.grant();
  await world.deliver(await world.access(grant));
  await world.command("grant.revoke", { target: stopDigest(grant), epoch: 1 }, "bureau", { grant, stop: true });
  await world.fold(grant);
  await world.access(grant);
  lines = await world.trailLines("grant", grant);
  erasure = await world.erase([{ index: 0, fields: ["operator"] }], "bureau");
}

let erasure: FlattenedJws;

type Said = NonNullable<Receipt["erased"]>[number];

/** The receipt of an access of which the owner has erased something. */
export const receiptOf = async (change: (said: Said) => object = () => ({})): Promise<string> => {
  const said = await world.erasedBy(erasure, "operator", "bureau");
  const payload = { ...(await world.receiptPayload(LOG, 0)), erased: [{ ...said, ...change(said) }] };
  return canonical(await signReceipt(payload), { maxBytes: 1 << 18, maxDepth: 4 });
};

type CommandLine = TrailLineOf<"command">;

/** The bureau's approval: the last command of that verb. */
const isApproval = (line: TrailLine): line is CommandLine =>
  line.t === "command" && line.entry.includes('"verb":"grant.approve"');

/** Its signature by another; nothing else of the file depends on it. */
const signedOtherwise = (change: (line: CommandLine) => Uint8Array): string => {
  const at = lines.findLastIndex(isApproval);
  return sealed(
    lines.map((line, i) =>
      i === at && isApproval(line)
        ? { ...line, request: { ...line.request, signature: toBase64url(change(line)) } }
        : line,
    ),
  );
};

const parsed = ({ request }: CommandLine) => parseCommandJws(request);
const typedOf = (line: CommandLine): TypedData => typedCommand(parsed(line).header, parsed(line).payload);
const asBureau = (data: Uint8Array): Uint8Array => KEYS.bureau.sign(data);

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const high = (signature: Uint8Array): Uint8Array => {
  const s = ORDER - BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
  const other = concat(signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex"));
  if (!lowerS(other).flipped) throw new Error("that is the lower one");
  return other;
};

type Row = readonly [name: string, refusal: string, make: () => string | Promise<string>];

const FORGED: readonly (readonly [name: string, change: (line: CommandLine) => Uint8Array])[] = [
  ["the other of the two signatures", ({ request }) => high(fromBase64url(request.signature))],
  ["signed as a JWS is", (line) => asBureau(parsed(line).signingInput)],
  [
    "signed as a personal message",
    (line) => asBureau(concat(utf8("\u0019Ethereum Signed Message:\n66"), typedBytes(typedOf(line)))),
  ],
  [
    "signed for another network",
    (line) => {
      const { header, payload } = parsed(line);
      const { domain } = typedCommand(header, { ...payload, net: "quanji.test/town" });
      return asBureau(typedBytes({ ...typedOf(line), domain }));
    },
  ],
  [
    "signed for another grant",
    (line) => {
      const { header, payload } = parsed(line);
      return asBureau(typedBytes(typedCommand(header, { ...payload, grant: world.uuid() })));
    },
  ],
  [
    "signed for another verb",
    (line) => {
      const data = typedOf(line);
      return asBureau(typedBytes({ ...data, message: { ...data.message, verb: "grant.withdraw" } }));
    },
  ],
  ["signed by another account", (line) => KEYS.approver.sign(signedBytes(parsed(line)))],
  ["signed by nobody", () => new Uint8Array(64)],
];

export const ON_ETHEREUM_RECEIPTS: readonly Row[] = [
  [
    "an erasure signed by nobody",
    "SIGNATURE_INVALID",
    () => receiptOf(({ request }) => ({ request: { ...request, signature: "A".repeat(86) } })),
  ],
  [
    "an erasure signed as a JWS is",
    "SIGNATURE_INVALID",
    () =>
      receiptOf(({ request }) => {
        const signature = toBase64url(asBureau(parseCommandJws(request).signingInput));
        return { request: { ...request, signature } };
      }),
  ],
  [
    "an erasure under the same key as P-256",
    "KEY_WEAK",
    () => receiptOf(({ key }) => ({ key: { ...key, crv: "P-256" } })),
  ],
  ["an erasure under another account's key", "KEY_THUMBPRINT", () => receiptOf(() => ({ key: KEYS.approver.jwk }))],
];

type Register = Payload<"party.register">;

/** The bureau registers otherwise, and gateway and witnesses collude. */
const registered = async (
  alg: string,
  change: (payload: Register) => Register = (payload) => payload,
): Promise<string> =>
  sealed(
    await collideChain(lines, "party", PARTIES.bureau.id, ([first, ...rest]) => {
      if (first === undefined) throw new Error("an empty chain");
      const { header, payload } = parseCommandJws(first.request);
      const changed = change(payload as unknown as Register);
      const text = (value: unknown): string => toBase64url(utf8(canonical(value)));
      const [protectedText, payloadText] = [text({ ...header, alg }), text(changed)];
      const signingInput = utf8(`${protectedText}.${payloadText}`);
      const data = alg === "EIP712" ? typedBytes(typedCommand(header, changed as never)) : signingInput;
      const signature = toBase64url(asBureau(data));
      return [{ ...first, request: { payload: payloadText, protected: protectedText, signature } }, ...rest];
    }),
  );

const withKey =
  (jwk: object) =>
  (payload: Register): Register => ({ ...payload, key: { ...payload.key, jwk: { ...payload.key.jwk, ...jwk } } });

const P256 = signer("bureau", "ES256").jwk;

export const ON_ETHEREUM: readonly Row[] = [
  ["a registration under ES256K", "ALG_FORBIDDEN", () => registered("ES256K")],
  ["a registration under ES256 with an Ethereum key", "ALG_FORBIDDEN", () => registered("ES256")],
  ["a registration under EdDSA with an Ethereum key", "ALG_FORBIDDEN", () => registered("EdDSA")],
  [
    "a registration of a P-256 point as an Ethereum key",
    "COMMAND_REFUSED",
    () => registered("EIP712", withKey({ ...P256, crv: "secp256k1" })),
  ],
  [
    "a registration of an Ethereum key as P-256",
    "COMMAND_REFUSED",
    () => registered("EIP712", withKey({ crv: "P-256" })),
  ],
  [
    "a registration of another key than that of the kid",
    "KEY_THUMBPRINT",
    () => registered("EIP712", withKey(signer("somebody", "EIP712").jwk)),
  ],
  ...FORGED.map(([name, change]): Row => [`an approval ${name}`, "SIGNATURE_INVALID", () => signedOtherwise(change)]),
];
