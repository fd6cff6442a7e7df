/** The signed requests of a batch, checked before anything is decided: what fails here is never recorded. */
import {
  AccessAccept,
  AccessRequest,
  AccessVoid,
  type GatewayEntry,
  keyAlgorithm,
  keyOf,
  msOf,
  type Network,
  parseWith,
  type Party,
  QuanjiError,
  TallySign,
} from "../domain/index.js";
import {
  type CommandHeader,
  parseCommandJws,
  type ParsedJws,
  partyOf,
  thumbprintOf,
  type VerifySignature,
  verifyCommitment,
} from "../log/index.js";
import type { State } from "../world/state.js";
import type { BatchInput, BatchRecord } from "../world/stored.js";

/** How far a request's iat may lie from its record's time. */
const MAX_IAT_SKEW_MS = 120_000;

type ParsedRequest = { readonly jws: ParsedJws<CommandHeader> } & (
  | { readonly type: "access"; readonly payload: AccessRequest }
  | { readonly type: "void"; readonly payload: AccessVoid }
  | { readonly type: "acceptance"; readonly payload: AccessAccept }
  | { readonly type: "tally"; readonly payload: TallySign }
);
export type CheckedRequest = ParsedRequest & { readonly party: Party; readonly thumbprint: string };

interface Place {
  readonly network: Network;
  readonly gateway: GatewayEntry;
  readonly log: string;
}

type Signed = Exclude<BatchRecord, { readonly type: "delivery" | "index" }>;

const ROUTES = {
  access: { typ: "quanji-access+jws", path: "/v1/access" },
  void: { typ: "quanji-access.void+jws", path: "/v1/commands/access.void" },
  tally: { typ: "quanji-tally.sign+jws", path: "/v1/commands/tally.sign" },
  acceptance: { typ: "quanji-access.accept+jws", path: "/v1/commands/access.accept" },
} as const;

/**
 * One entry a record, undefined for deliveries and indexes. All signatures are checked at once, on the engine's threads.
 * Errors, with `record`: MALFORMED, SIGNATURE_INVALID, COMMAND_STALE, COMMAND_MISDIRECTED, NOT_FOUND.
 */
export async function checkRequests(
  state: State,
  verify: VerifySignature,
  batch: BatchInput,
  place: Place,
): Promise<readonly (CheckedRequest | undefined)[]> {
  const parsed: (ParsedRequest | undefined)[] = [];
  for (const [record, item] of batch.records.entries()) {
    const isSigned = item.type !== "delivery" && item.type !== "index";
    parsed.push(!isSigned ? undefined : await naming(record, () => parseOne(item, place)));
  }
  // All parties at once: at a peer, each question alone is a round trip.
  const signers = new Set(parsed.flatMap((request) => (request === undefined ? [] : [signerOf(request)])));
  await Promise.all([...signers].map((id) => state.party(id)));
  const checked: (CheckedRequest | undefined)[] = [];
  const signatures: Promise<boolean>[] = [];
  for (const [record, one] of parsed.entries()) {
    if (one === undefined) {
      checked.push(undefined);
      continue;
    }
    const request = await naming(record, () => checkSigner(state, one));
    const key = keyOf(request.party, request.thumbprint);
    if (key !== undefined) signatures[record] = verify(key.jwk, request.jws.signingInput, request.jws.signature);
    checked.push(request);
  }
  const answers = await Promise.all(signatures);
  const forged = checked.findIndex((request, i) => request !== undefined && answers[i] !== true);
  if (forged >= 0) throw unsigned(forged);
  return checked;
}

const unsigned = (record?: number): QuanjiError =>
  new QuanjiError(
    "SIGNATURE_INVALID",
    "the signature does not verify under a registered key",
    record === undefined ? {} : { record },
  );

/** Adds the record's position to whatever it is refused for. */
export async function naming<T>(record: number, check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (cause) {
    if (!(cause instanceof QuanjiError) || cause.record !== undefined) throw cause;
    const { code, message, detail, field } = cause;
    throw new QuanjiError(code, message, {
      record,
      cause,
      ...(detail !== undefined && { detail }),
      ...(field !== undefined && { field }),
    });
  }
}

function parseOne(item: Signed, place: Place): ParsedRequest {
  const jws = parseCommandJws(item.request);
  const route = ROUTES[item.type];
  if (jws.header.typ !== route.typ)
    throw new QuanjiError("MALFORMED", "typ is another command's", { detail: "TYP_MISMATCH" });
  if (jws.header.url !== place.gateway.publicUrl + route.path) {
    throw new QuanjiError("COMMAND_MISDIRECTED", "the request was signed for another URL");
  }
  if (Math.abs(msOf(item.time) - jws.header.iat * 1000) > MAX_IAT_SKEW_MS) {
    throw new QuanjiError("COMMAND_STALE", "the request was signed too long before or after its record");
  }
  const request: ParsedRequest = { ...payloadOf(item, jws), jws };
  assertPlace(request.payload, place);
  if (item.type === "access") checkOpenings(item, jws);
  return request;
}

function payloadOf({ type }: Signed, { payload }: ParsedJws<CommandHeader>) {
  switch (type) {
    case "access":
      return { type, payload: parseWith(AccessRequest, payload) };
    case "void":
      return { type, payload: parseWith(AccessVoid, payload) };
    case "acceptance":
      return { type, payload: parseWith(AccessAccept, payload) };
    case "tally":
      return { type, payload: parseWith(TallySign, payload) };
  }
}

const signerOf = ({ jws }: ParsedRequest): string => partyOf(jws.header.kid);

async function checkSigner(state: State, request: ParsedRequest): Promise<CheckedRequest> {
  const { header } = request.jws;
  const party = await state.party(signerOf(request));
  const thumbprint = thumbprintOf(header.kid);
  const key = party === undefined ? undefined : keyOf(party, thumbprint);
  if (party === undefined || key === undefined || keyAlgorithm(key) !== header.alg) throw unsigned();
  return { ...request, party, thumbprint };
}

function assertPlace(payload: { readonly net: string; readonly log: string }, place: Place): void {
  if (payload.net !== place.network.net) {
    throw new QuanjiError("COMMAND_MISDIRECTED", "the request names another network", { detail: "NETWORK_MISMATCH" });
  }
  if (payload.log !== place.log) throw new QuanjiError("NOT_FOUND", "the request names another log", { field: "log" });
}

function checkOpenings(item: Extract<Signed, { type: "access" }>, jws: ParsedJws<CommandHeader>): void {
  for (const [path, opening] of Object.entries(item.openings ?? {})) {
    const commitment = path === "operator" || path === "query" ? jws.payload[path] : undefined;
    if (typeof commitment !== "string") {
      throw new QuanjiError("MALFORMED", "an opening belongs to no commitment of the request", { field: path });
    }
    verifyCommitment(commitment, [jws.header.kid, jws.header.jti], path, opening);
  }
}
