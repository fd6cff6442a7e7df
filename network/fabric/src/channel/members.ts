/** Takes organisations into a channel that exists. */
import path from "node:path";
import { memberOrganisation } from "../config/configtx.js";
import { writeJson } from "../tools/files.js";
import type { Growth } from "../topology/growth.js";
import type { Organisation } from "../topology/topology.js";
import type { Tools } from "./tools.js";
import { type ConfigGroup, groupAt, updateChannel } from "./update.js";

/** The group of a new member, as configtxgen makes it from the organisation's public material. */
async function groupOf(tools: Tools, organisation: Organisation): Promise<ConfigGroup> {
  const { layout, topology } = tools;
  const folder = layout.at("channel", "members", organisation.name);
  await writeJson(path.join(folder, "configtx.yaml"), {
    Organizations: [memberOrganisation(organisation, layout, topology.peers)],
  });
  return JSON.parse(await tools.printOrganisation(folder, organisation)) as ConfigGroup;
}

const anchorsOf = ({ topology }: Tools, { msp }: Organisation) => ({
  mod_policy: "Admins",
  value: {
    anchor_peers: topology.peers
      .filter(({ organisation }) => organisation.msp === msp)
      .map(({ host, port }) => ({ host, port })),
  },
  version: "0",
});

/**
 * New members join by the signatures of all organisations that were there; so do further peers of old members, which others
 * find by the organisation's list of anchors.
 */
export async function addMembers(tools: Tools, { organisations, peers }: Growth): Promise<boolean> {
  const groups = new Map<string, ConfigGroup>();
  for (const organisation of organisations) {
    const group = await groupOf(tools, organisation);
    group.values["AnchorPeers"] = anchorsOf(tools, organisation);
    groups.set(organisation.msp, group);
  }
  const signers = tools.topology.organisations.filter(({ msp }) => !groups.has(msp));
  const grown = signers.filter(({ msp }) => peers.some(({ organisation }) => organisation.msp === msp));
  return updateChannel(
    tools,
    `taking in ${[...groups.keys(), ...grown.map(({ name }) => `peers of ${name}`)].join(", ")}`,
    ({ channel_group }) => {
      const application = groupAt(channel_group, "Application");
      for (const [msp, group] of groups) application.groups[msp] ??= group;
      for (const organisation of grown) {
        const { values } = groupAt(application, organisation.msp);
        values["AnchorPeers"] = { ...anchorsOf(tools, organisation), version: values["AnchorPeers"]?.version ?? "0" };
      }
    },
    signers,
  );
}
