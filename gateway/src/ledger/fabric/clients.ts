/** Libraries that talk to a Fabric network. `fabric-network` is for peers older than 2.4, which have no gateway service. */
export const CLIENTS = ["fabric-gateway", "fabric-network"] as const;
export type ClientName = (typeof CLIENTS)[number];
