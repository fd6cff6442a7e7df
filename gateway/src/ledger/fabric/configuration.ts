/** What of a channel's configuration a gateway needs: whose certificates are whose. @see fabric-protos common/configtx.proto */
import { common, msp as mspProtos } from "@hyperledger/fabric-protos";
import { X509Certificate } from "node:crypto";

/** Root certificates (DER, base64) by MSP, of members and orderers. `data`: the `ConfigEnvelope` of a configuration block. */
export function rootsIn(data: Uint8Array): Record<string, string[]> {
  const channel = common.ConfigEnvelope.deserializeBinary(data).getConfig()?.getChannelGroup();
  const roots: Record<string, string[]> = {};
  for (const room of ["Application", "Orderer"]) {
    const groups = channel?.getGroupsMap().get(room)?.getGroupsMap();
    groups?.forEach((group) => {
      const value = group.getValuesMap().get("MSP")?.getValue_asU8() ?? new Uint8Array();
      const config = mspProtos.MSPConfig.deserializeBinary(value).getConfig_asU8();
      const msp = mspProtos.FabricMSPConfig.deserializeBinary(config);
      roots[msp.getName()] = msp.getRootCertsList_asU8().map((pem) => new X509Certificate(pem).raw.toString("base64"));
    });
  }
  return roots;
}
