import type { Grant } from "../domain/index.js";
import type { ChainKey } from "../log/index.js";
import { privateKeys, privateScope } from "../world/keys.js";
import type { State } from "../world/state.js";
import { privateNonce } from "./command.js";

export async function storeGrant(state: State, msp: string, grant: Grant): Promise<void> {
  const nonce = privateNonce(await state.secret(msp), state);
  await state.putSealed(msp, privateKeys.grant(grant.id), grant, nonce);
}

export async function chainsOf(state: State, msp: string, grant: Grant, signer: string): Promise<readonly ChainKey[]> {
  const scope = privateScope((await state.network()).net, msp);
  return [
    { scope, kind: "grant", id: grant.id },
    { scope, kind: "acts", id: signer },
  ];
}
