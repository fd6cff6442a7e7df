/** Replays the command chains to the states that records were decided on. */
import {
  applyBoundary,
  applyGrant,
  applyOrder,
  applyParty,
  applyResource,
  type Boundaries,
  bucketsFor,
  bucketsOf,
  type Cell,
  type Grant,
  GRANT_MACHINE,
  isQuanjiError,
  listsInForce,
  NO_BOUNDARIES,
  type Order,
  type Party,
  PARTY_MACHINE,
  regulatorParty,
  type Payload,
  type Resource,
  RESOURCE_MACHINE,
  splitVersion,
  type Verb,
} from "@quanji/chaincode/domain";
import type { CommandChain } from "./chains.js";
import { Erasures } from "./erasures.js";
import { type Market, replayMarket } from "./market.js";
import { Seals } from "./seals.js";
import type { AnyCommand, ChainCommand } from "./commands.js";
import { factsOf, verifyCommand } from "./signers.js";
import { type Step, stepOf, Timeline } from "./timeline.js";
import type { OpenedTrust } from "./trust.js";
import { refuse } from "./verdict.js";

/** All states that the chains of a trail lead through. What has no chain in the file is absent. */
export interface Replayed {
  readonly net: string;
  readonly timeZone: string;
  /** Public URLs that a gateway has or had, by its name. */
  readonly gateways: ReadonlyMap<string, readonly string[]>;
  /** Name of the gateway that writes a log, by origin: every log there ever was. */
  readonly logs: ReadonlyMap<string, string>;
  readonly parties: ReadonlyMap<string, Timeline<Party>>;
  readonly resources: ReadonlyMap<string, Timeline<Resource>>;
  readonly grants: ReadonlyMap<string, Timeline<Grant>>;
  readonly orders: Timeline<readonly Order[]> | undefined;
  readonly boundaries: Timeline<Boundaries> | undefined;
  readonly cells: Cells;
  readonly erasures: Erasures;
  readonly seals: Seals;
  readonly market: Market;
}

/** Cells by list version and bucket, as the chaincode stores them. */
export class Cells {
  readonly #buckets = new Map<string, ReadonlyMap<string, readonly Cell[]>>();

  add({ list, version, cells }: Payload<"boundary.publish">): void {
    this.#buckets.set(`${list}@${version}`, bucketsFor(cells));
  }

  /** Of the lists in force then, the cells that can concern a class. */
  for(boundaries: Boundaries, resourceClass: string, timeMs: number): readonly Cell[] {
    return listsInForce(boundaries, timeMs).flatMap(({ id, version }) => {
      const buckets = this.#buckets.get(`${id}@${version}`);
      return bucketsOf(resourceClass).flatMap((bucket) => buckets?.get(bucket) ?? []);
    });
  }
}

/**
 * Errors: LOG_SET_INCOMPLETE (no directory), GENESIS_MISMATCH, NETWORK_MISMATCH, URL_MISMATCH, COMMAND_REFUSED, and those of
 * {@link verifyCommand}.
 */
export async function replay(chains: readonly CommandChain[], trust: OpenedTrust): Promise<Replayed> {
  const of = (kind: CommandChain["key"]["kind"]): readonly CommandChain[] =>
    chains.filter(({ key }) => key.kind === kind);
  const [directory] = of("directory");
  if (directory === undefined) return refuse("LOG_SET_INCOMPLETE", "the directory of logs is not in the file");
  // 1. The network began as the trust file says, and has these gateways and logs.
  const network = openDirectory(directory, trust);
  // 2. Parties first: everything else is signed by their keys.
  const parties = new Map(of("party").map((chain) => [chain.key.id, partyTimeline(chain, trust)]));
  // 3. Each command was signed by a key that counted then, and sent to a gateway of this network.
  for (const chain of [directory, ...of("party")]) await verifyPublicChain(chain, parties);
  for (const { commands } of chains) for (const command of commands) assertUrl(command, network.gateways);
  // 4. The other objects, command by command.
  const resources = new Map<string, Timeline<Resource>>();
  for (const chain of of("resource")) resources.set(chain.key.id, await resourceTimeline(chain, parties));
  const grants = new Map<string, Timeline<Grant>>();
  for (const chain of of("grant")) grants.set(chain.key.id, await grantTimeline(chain, parties));
  for (const chain of of("grant")) assertServed(chain, grants, resources, trust.trust.net);
  assertDerived(grants);
  const erasures = new Erasures();
  const seals = new Seals();
  for (const chain of of("openings")) {
    await replayOpenings(chain, { parties, resources, net: trust.trust.net, erasures, seals });
  }
  const cells = new Cells();
  const [boundary] = of("boundary");
  const [orders] = of("orders");
  return {
    net: trust.trust.net,
    timeZone: trust.trust.timeZone,
    ...network,
    parties,
    resources,
    grants,
    boundaries: boundary === undefined ? undefined : await boundaryTimeline(boundary, parties, cells),
    orders: orders === undefined ? undefined : await orderTimeline(orders, parties),
    cells,
    erasures,
    seals,
    market: await replayMarket(chains, {
      verified: (item) => verifyCommand(item, parties),
      grants,
      timeZone: trust.trust.timeZone,
      applied,
    }),
  };
}

function openDirectory({ commands }: CommandChain, { trust }: OpenedTrust): Pick<Replayed, "gateways" | "logs"> {
  const [first, ...rest] = commands;
  if (first?.command.verb !== "network.init" || first.jws.request !== trust.init) {
    return refuse("GENESIS_MISMATCH", "the network did not begin with the command that the trust file names");
  }
  const { payload } = first.command;
  if (
    payload.regulator.party !== trust.regulator ||
    payload.timeZone !== trust.timeZone ||
    payload.testClock !== trust.testClock
  ) {
    refuse("GENESIS_MISMATCH", "the network began with another regulator, time zone or clock than the trust file says");
  }
  const gateways = new Map<string, string[]>();
  const logs = new Map<string, string>();
  const addGateway = ({ name, publicUrl }: { readonly name: string; readonly publicUrl: string }): void => {
    gateways.set(name, [...(gateways.get(name) ?? []), publicUrl]);
  };
  payload.gateways.forEach(addGateway);
  for (const { command } of rest) {
    if (command.verb === "gateway.register") addGateway(command.payload.gateway);
    if (command.verb === "log.create") logs.set(command.payload.log, command.payload.gateway);
    if (command.verb === "network.init") refuse("GENESIS_MISMATCH", "a network begins once");
  }
  return { gateways, logs };
}

function assertUrl({ command, jws }: ChainCommand, gateways: Replayed["gateways"]): void {
  const path = `/v1/commands/${command.verb}`;
  const base = jws.header.url.endsWith(path) ? jws.header.url.slice(0, -path.length) : undefined;
  const known = base !== undefined && [...gateways.values()].some((urls) => urls.includes(base));
  if (!known) refuse("URL_MISMATCH", "a command was signed for no gateway of this network, or for another route");
}

/** Runs the domain's own transition. Errors: COMMAND_REFUSED for what it refuses: no honest chain holds such a command. */
function applied<T>(transition: () => T): T {
  try {
    return transition();
  } catch (error) {
    if (!isQuanjiError(error)) throw error;
    return refuse("COMMAND_REFUSED", `a chain holds a command that the rules refuse (${error.code}): ${error.message}`);
  }
}

const stepFor = ({ command, jws, timeMs }: ChainCommand): Step =>
  stepOf(jws.request, command.verb, timeMs, jws.header.iat);

type CommandOf<V extends Verb> = Extract<AnyCommand, { readonly verb: V }>;

/** The command as one of those that a chain may hold. Errors: CHAIN_KEY. */
function only<V extends Verb>({ command }: ChainCommand, verbs: readonly V[]): CommandOf<V> {
  if (!verbs.some((verb) => verb === command.verb))
    refuse("CHAIN_KEY", "the command is not one of this chain's object");
  return command as CommandOf<V>;
}

function partyTimeline({ commands }: CommandChain, { trust }: OpenedTrust): Timeline<Party> {
  const timeline = new Timeline<Party>();
  for (const item of commands) {
    const { last } = timeline;
    const facts = factsOf(item);
    if (item.command.verb === "network.init") {
      const { payload } = item.command;
      if (item.jws.request !== trust.init || last !== undefined) {
        refuse("GENESIS_MISMATCH", "the regulator is founded once, by the command that began the network");
      }
      timeline.add(
        applied(() => regulatorParty(payload, facts)),
        stepFor(item),
      );
    } else {
      const command = only(
        item,
        PARTY_MACHINE.map(({ verb }) => verb),
      );
      timeline.add(
        applied(() => applyParty(last, command, facts)),
        stepFor(item),
      );
    }
  }
  return timeline;
}

/** Commands on parties and the directory; one on the signer's own chain is judged at exactly its position. */
async function verifyPublicChain({ key, commands }: CommandChain, parties: Replayed["parties"]): Promise<void> {
  for (const [n, command] of commands.entries()) {
    const own = key.kind === "party" && n > 0 && command.jws.header.kid.startsWith(`${key.id}#`);
    await verifyCommand(command, parties, own ? { before: parties.get(key.id)?.at(n) } : {});
  }
}

async function resourceTimeline({ commands }: CommandChain, parties: Replayed["parties"]): Promise<Timeline<Resource>> {
  const timeline = new Timeline<Resource>();
  for (const item of commands) {
    const { last } = timeline;
    const facts = await verifyCommand(item, parties, { resource: last });
    const command = only(
      item,
      RESOURCE_MACHINE.map(({ verb }) => verb),
    );
    timeline.add(
      applied(() => applyResource(last, command, facts)),
      stepFor(item),
    );
  }
  return timeline;
}

async function grantTimeline({ commands }: CommandChain, parties: Replayed["parties"]): Promise<Timeline<Grant>> {
  const timeline = new Timeline<Grant>();
  for (const item of commands) {
    const { last } = timeline;
    const facts = await verifyCommand(item, parties);
    const command = only(
      item,
      GRANT_MACHINE.map(({ verb }) => verb),
    );
    timeline.add(
      applied(() => applyGrant(last, command, facts)),
      stepFor(item),
    );
  }
  return timeline;
}

/** Errors: CHAIN_MISSING (the resource's own chain), CHAIN_KEY, and those of {@link verifyCommand} and of {@link Erasures.add}. */
async function replayOpenings(
  { key, commands, time }: CommandChain,
  { parties, resources, net, erasures, seals }: Pick<Replayed, "parties" | "resources" | "net" | "erasures" | "seals">,
): Promise<void> {
  const resource = resources.get(key.id)?.last;
  if (resource === undefined) return refuse("CHAIN_MISSING", "the chain of a resource is not in the file");
  if (key.scope !== `${net}/org-${resource.servedBy}`) {
    refuse("CHAIN_KEY", "the chain is from another organisation than the one that serves its resource");
  }
  for (const item of commands) {
    const facts = await verifyCommand(item, parties);
    const command = only(item, ["record.erase", "record.seal", "record.unseal"]);
    if (command.verb === "record.erase") erasures.add(command.payload, facts);
    else applied(() => seals.add(command, facts, time));
  }
}

/** A grant lives with the organisation that serves its resource, and nowhere else. */
function assertServed(
  { key }: CommandChain,
  grants: Replayed["grants"],
  resources: Replayed["resources"],
  net: string,
): void {
  const { id } = splitVersion(grants.get(key.id)?.last?.resource ?? "");
  const resource = resources.get(id)?.last;
  if (resource !== undefined && key.scope !== `${net}/org-${resource.servedBy}`) {
    refuse("CHAIN_KEY", "the grant's chain is from another organisation than the one that serves its resource");
  }
}

/** Where parent and child are both in the file: only the parent's grantee could derive. */
function assertDerived(grants: Replayed["grants"]): void {
  for (const child of grants.values()) {
    const parent = grants.get(child.last?.ancestors[0] ?? "")?.last;
    if (parent !== undefined && parent.grantee !== child.last?.grantor) {
      refuse("COMMAND_REFUSED", "a sub-grant was not made by its parent's grantee");
    }
  }
}

async function boundaryTimeline(
  { commands }: CommandChain,
  parties: Replayed["parties"],
  cells: Cells,
): Promise<Timeline<Boundaries>> {
  const timeline = new Timeline<Boundaries>(NO_BOUNDARIES);
  for (const item of commands) {
    const { last = NO_BOUNDARIES } = timeline;
    const facts = await verifyCommand(item, parties);
    const { payload } = only(item, ["boundary.publish"]);
    timeline.add(
      applied(() => applyBoundary(last, payload, facts)),
      stepFor(item),
    );
    cells.add(payload);
  }
  return timeline;
}

async function orderTimeline(
  { commands }: CommandChain,
  parties: Replayed["parties"],
): Promise<Timeline<readonly Order[]>> {
  const timeline = new Timeline<readonly Order[]>([]);
  for (const item of commands) {
    const { last = [] } = timeline;
    const facts = await verifyCommand(item, parties);
    const command = only(item, ["order.freeze", "order.lift"]);
    timeline.add(
      applied(() => applyOrder(last, command, facts)),
      stepFor(item),
    );
  }
  return timeline;
}
