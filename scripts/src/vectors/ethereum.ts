/**
 * Vectors of commands under an Ethereum key: `test/vectors/ethereum.json`, checked with ethers (`test/src/ethereum`) and by the
 * second implementation (`npm run test:interop`).
 */
import {
  addressOf,
  canonical,
  type CommandHeader,
  concat,
  ethereumKeyOf,
  type FlattenedJws,
  fromBase64url,
  type JsonObject,
  possessionBytes,
  requestOfJws,
  sha256Utf8,
  signJws,
  signTyped,
  thumbprint,
  toBase64url,
  typedBytes,
  typedCommand,
  typOf,
  utf8,
} from "@quanji/chaincode/log";
import { SEED } from "./support.js";

export const ETHEREUM_FILE = new URL("../../../test/vectors/ethereum.json", import.meta.url);

const NET = "quanji.example/szx";
const PARTY = "91440300MAQJ0001XF";
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Of the account whose private key is SHA-256(SEED ‖ "owner"). It owns nothing. */
const secret = sha256Utf8(`${SEED}owner`);
const jwk = ethereumKeyOf(secret);

const header = (verb: string, n: number): CommandHeader => ({
  alg: "EIP712",
  iat: 1763624163 + n,
  jti: `019360c2-8000-7000-8000-00000000000${n}`,
  kid: `${PARTY}#${thumbprint(jwk)}`,
  typ: typOf(verb),
  url: `https://gw.transport.example/v1/${verb === "read" ? "grants" : `commands/${verb}`}`,
});

const GRANT = "019360c2-8000-7000-8000-0000000000aa";
const COMMANDS: readonly (readonly [verb: string, payload: JsonObject])[] = [
  ["grant.approve", { grant: GRANT, net: NET }],
  ["read", { atLeast: { block: 4711 }, net: NET }],
  [
    "grant.offer",
    {
      "a.dotted": { name: [] },
      depth: 0,
      net: NET,
      terms: { fields: ["day", "rain"], onStop: "stop", quota: { n: 9007199254740991, per: "day" }, window: {} },
      text: '权迹 "quoted"\n/ : \\ \u007f €😀',
      yes: true,
    },
  ],
];

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const sign = (data: Uint8Array): Uint8Array => signTyped(data, secret);

async function command([verb, payload]: (typeof COMMANDS)[number], n: number) {
  const own = header(verb, n);
  const typedData = typedCommand(own, payload);
  const jws = await signJws(own, payload, sign);
  return { jws, request: requestOfJws(jws), signed: hex(typedBytes(typedData)), typedData };
}

/** Of the first command, with other signatures: none of them counts. */
async function refused(): Promise<readonly { readonly why: string; readonly jws: FlattenedJws }[]> {
  const [verb, payload] = COMMANDS[0] ?? ["", {}];
  const own = header(verb, 0);
  const jws = await signJws(own, payload, sign);
  const right = fromBase64url(jws.signature);
  const s = ORDER - BigInt(hex(right.subarray(32)));
  const typedData = typedCommand(own, payload);
  const elsewhere = typedCommand(own, { ...payload, net: "quanji.example/other" });
  const rows: readonly (readonly [why: string, signature: Uint8Array])[] = [
    ["the higher s", concat(right.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex"))],
    ["over protected.payload", sign(utf8(`${jws.protected}.${jws.payload}`))],
    ["another network's domain", sign(typedBytes({ ...typedData, domain: elsewhere.domain }))],
    ["the payload as one line", sign(typedBytes(withMessage({ payload: [canonical(payload)] })))],
    ["another verb", sign(typedBytes(withMessage({ verb: "grant.refuse" })))],
    ["r is 0", concat(new Uint8Array(32), right.subarray(32))],
  ];
  function withMessage(change: object) {
    return { ...typedData, message: { ...typedData.message, ...change } };
  }
  return rows.map(([why, signature]) => ({ why, jws: { ...jws, signature: toBase64url(signature) } }));
}

export async function ethereumText(): Promise<string> {
  const possession = possessionBytes(NET, PARTY, jwk);
  const vectors = {
    secret: hex(secret),
    address: addressOf(jwk),
    jwk,
    thumbprint: thumbprint(jwk),
    commands: await Promise.all(COMMANDS.map(command)),
    possession: { net: NET, party: PARTY, signed: hex(possession), signature: toBase64url(sign(possession)) },
    refused: await refused(),
  };
  return `${JSON.stringify(vectors, null, 1)}\n`;
}
