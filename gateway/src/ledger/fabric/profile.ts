/**
 * The connection profile: how an organisation's gateway reaches a Fabric network, and as whom. `network -- up` writes one for
 * each organisation; docs/operations/fabric.md says what its members mean.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { QuanjiError } from "@quanji/chaincode/domain";
import { z } from "zod";
import { parseTopology, type Topology } from "../topology.js";
import { LiveIdentity } from "./identity.js";

const text = z.string().min(1).max(4096);

/** A DNS name: Node's TLS accepts no IP address as a server's name. */
const endpoint = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}:\d{1,5}$/, "must be HOST:PORT");

const node = z.strictObject({ name: text, msp: text, endpoint, tlsRoot: text });

const file = z.strictObject({
  v: z.literal("quanji.fabric.v1"),
  /** Name of the topology that the network was made from. */
  topology: text,
  channel: text,
  chaincode: text,
  regulator: text,
  organisations: z.array(z.strictObject({ name: text, msp: text })),
  ordering: z.enum(["raft", "bft"]),
  testClock: z.boolean(),
  organisation: text,
  msp: text,
  identity: z.strictObject({ certificate: text, privateKey: text }),
  peers: z.array(node).min(1),
  orderers: z.array(node).min(1),
});

export interface FabricNode {
  readonly name: string;
  readonly msp: string;
  /** `host:port` */
  readonly endpoint: string;
  /** PEM of the root that its TLS certificate comes from. */
  readonly tlsRoot: string;
}

export interface FabricProfile {
  readonly topology: Topology;
  readonly chaincode: string;
  readonly testClock: boolean;
  /** The organisation that this gateway acts for. */
  readonly msp: string;
  readonly identity: Pick<LiveIdentity, "current">;
  /** Own peers in order of preference: they alone hold the organisation's private data. Never empty. */
  readonly ownPeers: readonly FabricNode[];
  /** Every peer that the profile names, own ones first. */
  readonly peers: readonly FabricNode[];
  readonly orderers: readonly FabricNode[];
}

const invalid = (profile: string, problem: string, cause?: unknown): QuanjiError =>
  new QuanjiError("CONFIG_INVALID", `fabric.profile: ${problem} (${profile})`, { field: "fabric.profile", cause });

/**
 * @param report told why renewed certificates are not taken over
 * Errors: CONFIG_INVALID · field `fabric.profile`, naming the file or the member.
 */
export async function readProfile(
  profile: string,
  report: (error: unknown) => void = () => undefined,
): Promise<FabricProfile> {
  const locate = (name: string): string => path.resolve(path.dirname(profile), name);
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(locate(name), "utf8");
    } catch (cause) {
      throw invalid(profile, `${name} cannot be read; \`npm run network -- up\` makes it`, cause);
    }
  };
  const parsed = file.safeParse(jsonOf(profile, await read(path.basename(profile))));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(profile, `${issue?.path.map(String).join(".") ?? "it"}: ${issue?.message ?? "is not valid"}`);
  }
  const { channel, organisations, regulator, msp, identity, chaincode, testClock } = parsed.data;
  const load = (nodes: readonly z.infer<typeof node>[]): Promise<FabricNode[]> =>
    Promise.all(nodes.map(async (one) => ({ ...one, tlsRoot: await read(one.tlsRoot) })));
  const peers = await load(parsed.data.peers);
  const ownPeers = peers.filter((peer) => peer.msp === msp);
  if (ownPeers.length === 0) throw invalid(profile, `peers: none is of ${msp}`);
  const files = { certificate: locate(identity.certificate), privateKey: locate(identity.privateKey) };
  return {
    topology: parseTopology({ channel, organisations, regulator }),
    chaincode,
    testClock,
    msp,
    identity: new LiveIdentity(files, report),
    ownPeers,
    peers: [...ownPeers, ...peers.filter((peer) => peer.msp !== msp)],
    orderers: await load(parsed.data.orderers),
  };
}

function jsonOf(profile: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw invalid(profile, "is not JSON", cause);
  }
}
