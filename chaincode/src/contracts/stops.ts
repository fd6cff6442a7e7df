/**
 * Stops: one organisation suffices. The grantor's home writes `stop/<digest>` alone; the serving organisation folds it into
 * the grant afterwards. Every batch reads the key, so a stop bites in the block after it, folded or not.
 */
import { z } from "zod";
import {
  applyGrant,
  grantorDigest,
  instant,
  parsePayload,
  QuanjiError,
  stopDigest,
  type StopState,
} from "../domain/index.js";
import { parseCommandJws, type VerifySignature } from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import { assertClock, filePrivate, parseArguments, receive } from "./command.js";
import { chainsOf, storeGrant } from "./grant-store.js";

/**
 * Errors: NOT_FOUND (no such grant, or not the signer's), STATE_CONFLICT (epoch, revoked already, not in force), ROLE_REQUIRED
 * (not this endorser's party), and those of a command. Reads no private data: the home may not be a member.
 */
export async function acceptStop(state: State, verify: VerifySignature, argument: string): Promise<void> {
  const command = await receive(state, verify, "grants", argument);
  if (command.verb !== "grant.suspend" && command.verb !== "grant.revoke") {
    throw new QuanjiError("MALFORMED", "only grant.suspend and grant.revoke are stops", { detail: "TYP_MISMATCH" });
  }
  const { target, epoch } = command.payload;
  const grant = state.world.transient("grant");
  const before = await state.stopByDigest(target);
  if (
    grant === undefined ||
    stopDigest(grant) !== target ||
    before === undefined ||
    before.grantor !== grantorDigest(grant, command.facts.signer)
  ) {
    throw new QuanjiError("NOT_FOUND", "no such grant of yours is in force", { field: "target" });
  }
  if (before.epoch !== epoch) {
    throw new QuanjiError("STATE_CONFLICT", `the grant's epoch is ${before.epoch}`, { field: "epoch" });
  }
  if (before.stop?.verb === "grant.revoke" || before.stop?.verb === command.verb) {
    throw new QuanjiError("STATE_CONFLICT", "the grant is stopped already", { detail: before.stop.verb });
  }
  const after: StopState = {
    ...before,
    stop: {
      verb: command.verb,
      request: command.facts.request,
      signer: command.facts.signer,
      command: command.jws.jws,
    },
  };
  await state.put(publicKeys.stop(target), after);
}

const Arguments = z.strictObject({ gateway: z.string().max(32) });

/**
 * Every stop is folded, also one that the regulator has overtaken, so that whoever sees hashes alone can tell that the chain has
 * it. A revoke that overtook an unfolded suspend folds as the revoke alone. Errors: STATE_CONFLICT if there is nothing to fold,
 * NOT_FOUND.
 */
export async function foldStop(state: State, argument: string): Promise<void> {
  assertClock(state);
  parseArguments(Arguments, argument);
  const msp = state.world.submitterMsp;
  const id = state.world.transient("grant") ?? "";
  const before = await state.grant(msp, id);
  if (before === undefined) throw new QuanjiError("NOT_FOUND", "no such grant", { field: "grant" });
  const stop = (await state.stop(id))?.stop;
  const isFolded = stop !== undefined && (await state.hasPrivateCommand(msp, stop.request));
  if (stop === undefined || isFolded || stop.signer !== before.grantor) {
    throw new QuanjiError("STATE_CONFLICT", "no stop of this grant waits to be folded");
  }
  const jws = parseCommandJws(stop.command);
  const timeMs = await state.timeMs();
  const signer = await state.party(stop.signer);
  const facts = {
    time: instant(timeMs),
    timeMs,
    tx: state.world.txId,
    signer: stop.signer,
    signerRoles: signer?.roles ?? [],
    kid: jws.header.kid,
    request: jws.request,
  };
  const command = { verb: stop.verb, payload: parsePayload(stop.verb, jws.payload) };
  const after = applyGrant(before, command, facts);
  await storeGrant(state, msp, after);
  await filePrivate(
    state,
    { verb: stop.verb, facts, openings: {}, jws },
    msp,
    await chainsOf(state, msp, after, stop.signer),
  );
}
