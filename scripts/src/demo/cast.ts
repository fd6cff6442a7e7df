/** Who plays. Ids are valid under GB 32100-2015 and belong to nobody. */
import path from "node:path";
import { Client, generateKey, readKeyFile } from "@quanji/client";
import type { OpenedTrust } from "@quanji/client/verify";

export const CAST = {
  bureau: { party: "11510100MBQJ006115", name: "Weather Bureau 气象局", roles: ["holder"] },
  legal: { party: "11100000MBQJ00240A", name: "Legality Review 合法性审查", roles: ["holder"] },
  insurer: { party: "91510100MAQJ006421", name: "Agricultural Insurer 农业保险", roles: ["user"] },
  adjuster: { party: "91510100MAQJ00626B", name: "Loss Adjuster 公估机构", roles: ["user"] },
  stranger: { party: "91510100MAQJ00669Q", name: "Somebody Else 其他企业", roles: ["user"] },
} as const;

export type Player = keyof typeof CAST;
export type Clients = Readonly<Record<Player | "regulator", Client>>;

/** Keys made at run time, parties registered by themselves and admitted by the regulator. */
export async function assemble(url: string, data: string, trust: OpenedTrust): Promise<Clients> {
  const { jwk, party } = await readKeyFile(path.join(data, "keys", "regulator.jwk"));
  if (party === undefined) throw new Error("the regulator's key file names no party");
  const regulator = await Client.connect({ gateway: url, key: { jwk, party }, trust });
  const players = Object.entries(CAST).map(async ([name, { party: id, name: title, roles }]) => {
    const key = { jwk: await generateKey(name === "insurer" ? "ES256" : "EdDSA"), party: id };
    const client = await Client.connect({ gateway: url, key, trust, seqReserve: 100 });
    await client.parties.register({
      kind: "org",
      name: title,
      roles,
      jurisdiction: "CN",
      responsibleHead: { name: `head of ${name}`, title: "director" },
    });
    await regulator.parties.admit(id, roles);
    return [name, client] as const;
  });
  return { regulator, ...(Object.fromEntries(await Promise.all(players)) as Record<Player, Client>) };
}
