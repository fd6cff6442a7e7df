/** Renewing and revoking certificates of a network that runs. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type ConfigGroup, groupAt, orderingSigners, updateChannel } from "../channel/update.js";
import type { Tools } from "../channel/tools.js";
import { NetworkFailure } from "../tools/failure.js";
import { write } from "../tools/files.js";
import { type Organisation, organisationsIn } from "../topology/topology.js";
import { Enrolment, type Holder } from "./enrolment.js";
import { authorityOf, holdersOf } from "./identities.js";

/** @param name as `holdersOf` has it: `gateway.holder`, `admin.holder`, `peer0.holder` */
function findHolder({ topology, layout }: Tools, name: string): { organisation: Organisation; holder: Holder } {
  for (const organisation of organisationsIn(topology)) {
    const holder = holdersOf(topology, layout, organisation).find((each) => each.name === name);
    if (holder !== undefined) return { organisation, holder };
  }
  const all = organisationsIn(topology).flatMap((each) => holdersOf(topology, layout, each).map((one) => one.name));
  throw new NetworkFailure(name, "has no identity in this network", { advice: `name one of: ${all.join(", ")}` });
}

const enrolmentOf = ({ topology, layout, binaries }: Tools, organisation: Organisation): Enrolment =>
  new Enrolment(authorityOf(topology, organisation), layout, binaries);

/** The same configuration with some strings replaced by others, wherever they stand. */
function replaced(value: unknown, others: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return others.get(value) ?? value;
  if (Array.isArray(value)) return value.map((each) => replaced(each, others));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, replaced(each, others)]));
}

/**
 * New certificates in place of the old. A node takes them up when it starts anew. The channel's configuration holds those of
 * each orderer. Raft knows an orderer by its key, which stays; SmartBFT compares certificates byte by byte, and an orderer that
 * it does not know takes no part. So they are replaced there too, by the signatures of all ordering organisations.
 */
export async function renew(tools: Tools, name: string): Promise<void> {
  const { layout, topology } = tools;
  const { organisation, holder } = findHolder(tools, name);
  const orders = holder.role === "orderer";
  const pinned = orders && topology.settings.ordering.type === "bft";
  const { certificate, tlsCertificate } = layout.nodeCredentials(name);
  const held = async (): Promise<string[]> =>
    pinned
      ? Promise.all([certificate, tlsCertificate].map(async (file) => (await readFile(file)).toString("base64")))
      : [];
  const before = await held();
  await enrolmentOf(tools, organisation).renew(holder, orders);
  if (!pinned) return;
  const after = await held();
  const others = new Map(before.map((old, index) => [old, after[index] ?? old]));
  await updateChannel(
    tools,
    `new certificates of ${name}`,
    ({ channel_group }) => {
      channel_group.groups["Orderer"] = replaced(groupAt(channel_group, "Orderer"), others) as ConfigGroup;
    },
    orderingSigners(topology),
  );
}

/**
 * Revokes all certificates of a name at its authority, and has the channel refuse them: only the list of revocations in the
 * channel's configuration binds peers and orderers. The organisation's own administrator signs. Repeating it renews the list; `renew` gives the name new certificates.
 */
export async function revoke(tools: Tools, name: string): Promise<void> {
  const { topology, layout } = tools;
  const { organisation } = findHolder(tools, name);
  const crl = await enrolmentOf(tools, organisation).revoke(name);
  await write(path.join(layout.msp(organisation.name), "crls", "crl.pem"), crl);
  const section = topology.organisations.includes(organisation) ? "Application" : "Orderer";
  await updateChannel(
    tools,
    `revoking ${name}`,
    ({ channel_group }) => {
      const { MSP } = groupAt(channel_group, section, organisation.msp).values;
      const config = MSP?.value["config"] as { revocation_list?: string[] } | undefined;
      if (config === undefined) throw new Error(`${organisation.msp} has no MSP in the channel's configuration`);
      config.revocation_list = [Buffer.from(crl, "utf8").toString("base64")];
    },
    [organisation],
  );
}
