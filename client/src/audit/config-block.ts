/** Which blocks hold a configuration, and what they say. */
import { common } from "@hyperledger/fabric-protos";
import type { Block } from "./block.js";
import { type ChannelConfig, parseConfig } from "./config.js";
import { fail } from "./findings.js";

/** Errors: TX_NOT_WELL_FORMED, if it does not stand alone. */
export function hasConfig({ number, envelopes }: Block): boolean {
  const at = envelopes.findIndex(isConfig);
  if (at >= 0 && envelopes.length > 1) {
    fail("TX_NOT_WELL_FORMED", "a configuration stands alone in its block", { block: number, tx: at });
  }
  return at >= 0;
}

function isConfig(envelope: Uint8Array): boolean {
  try {
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
    const header = payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array();
    return common.ChannelHeader.deserializeBinary(header).getType() === common.HeaderType.CONFIG;
  } catch {
    return false; // judged as a transaction, which it is not either
  }
}

export async function configOf({ number, envelopes }: Block): Promise<ChannelConfig> {
  try {
    return await parseConfig(envelopes[0] ?? new Uint8Array());
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    return fail("CONFIG_UNSUPPORTED", `the configuration is not understood: ${why}`, { block: number });
  }
}
