/** Renewing and revoking certificates of a network that runs. */
import path from "node:path";
import { groupAt, updateChannel } from "../channel/update.js";
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

/** New certificates in place of the old. A node takes them up when it starts anew; an orderer keeps its key. */
export async function renew(tools: Tools, name: string): Promise<void> {
  const { organisation, holder } = findHolder(tools, name);
  await enrolmentOf(tools, organisation).renew(holder, holder.role === "orderer");
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
