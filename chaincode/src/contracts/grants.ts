import {
  applyGrant,
  type Grant,
  GRANT_MACHINE,
  type GrantCommand,
  grantorDigest,
  QuanjiError,
  stopDigest,
  stoppedAlready,
  type StopState,
  transitionFor,
} from "../domain/index.js";
import type { VerifySignature } from "../log/index.js";
import { publicKeys } from "../world/keys.js";
import type { State } from "../world/state.js";
import { assertAllottable } from "./allotting.js";
import { filePrivate, type Received, receive, requireRole, useJti } from "./command.js";
import { DONE, QuanjiContract, type QuanjiContext } from "./context.js";
import { assertDerivable, assertGrantable, assertRefusable } from "./grant-rules.js";
import { chainsOf, storeGrant } from "./grant-store.js";
import { acceptStop, foldStop } from "./stops.js";

export type GrantCommandReceived = Received & GrantCommand;

/** Grants live in the private collection of the organisation that serves their resource; commands enter through it. */
export class GrantContract extends QuanjiContract {
  constructor(verify: VerifySignature) {
    super("grants", verify);
  }

  /** All grant commands of two organisations. A grantor alone stops by {@link stop}. */
  submit(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      const command = (await receive(state, this.verify, "grants", argument)) as GrantCommandReceived;
      const msp = state.world.submitterMsp;
      const before = await state.grant(msp, grantIdOf(state, command));
      await authorise(state, msp, command, before);
      const after = applyGrant(before, command, command.facts);
      await storeGrant(state, msp, after);
      if (after.state === "active" && before?.state !== "active") await startStopKey(state, after);
      await filePrivate(state, command, msp, await chainsOf(state, msp, after, command.facts.signer));
      await useJti(state, command);
      return DONE;
    });
  }

  /** A grantor's suspend or revoke: writes `stop/<digest>` and nothing else, endorsed by the grantor's home alone. */
  stop(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      await acceptStop(state, this.verify, argument);
      return DONE;
    });
  }

  /** Folds a stop into grant and command chain; needs no signature but the stop's own. */
  fold(context: QuanjiContext, argument: string): Promise<string> {
    return this.run(context, async (state) => {
      await foldStop(state, argument);
      return DONE;
    });
  }
}

/** Suspend and revoke name the grant by its digest; the submitting gateway says in transient which one that is. */
function grantIdOf(state: State, command: GrantCommandReceived): string {
  if (command.verb !== "grant.suspend" && command.verb !== "grant.revoke") return command.payload.grant;
  const id = state.world.transient("grant");
  if (id === undefined || stopDigest(id) !== command.payload.target) {
    throw new QuanjiError("NOT_FOUND", "no such grant", { field: "target" });
  }
  return id;
}

async function authorise(
  state: State,
  msp: string,
  command: GrantCommandReceived,
  before: Grant | undefined,
): Promise<void> {
  switch (command.verb) {
    case "grant.request":
    case "grant.offer":
      return assertGrantable(state, msp, command);
    case "grant.derive":
      return assertDerivable(state, msp, command);
    case "grant.suspend":
    case "grant.revoke":
      if (before?.grantor !== command.facts.signer) requireRole(command, "regulator");
      // Only a stop that stood on the ledger before it was overtaken is kept all the same: see stops.ts.
      if (before !== undefined && transitionFor(GRANT_MACHINE, command.verb, before.state).to === before.state) {
        throw stoppedAlready(before);
      }
      return;
    default:
      // What does not exist the grant's own transition refuses.
      return before === undefined ? undefined : authoriseChange(state, msp, command, before);
  }
}

async function authoriseChange(state: State, msp: string, command: GrantCommandReceived, before: Grant): Promise<void> {
  switch (command.verb) {
    case "grant.refuse":
      if (command.payload.ground === undefined) await assertRefusable(state, before, command.facts);
      return;
    case "grant.resume":
      return assertFolded(state, msp, before);
    case "grant.allot":
      // Refused by the grant itself, and nobody else may learn how much was used.
      if (before.grantor !== command.facts.signer || before.state !== "active") return;
      await assertFolded(state, msp, before);
      return assertAllottable(state, msp, before, command.payload, command.facts);
    default:
      return; // the grant itself knows who may
  }
}

/** From the next block on, the grantor's home alone may write the key: one organisation stops, none starts alone. */
async function startStopKey(state: State, grant: Grant): Promise<void> {
  const grantor = await state.party(grant.grantor);
  if (grantor === undefined) throw new QuanjiError("STATE_CONFLICT", "the grantor is not registered");
  const digest = stopDigest(grant.id);
  const stop: StopState = {
    v: "quanji.stop.v1",
    epoch: grant.epoch,
    grantor: grantorDigest(grant.id, grant.grantor),
  };
  await state.put(publicKeys.stop(digest), stop);
  if (grant.epoch === 1) await state.world.setKeyPolicy(publicKeys.stop(digest), [grantor.home]);
}

/** A stop that the grant does not know of yet must not be lost with the key that it stands in. */
async function assertFolded(state: State, msp: string, grant: Grant): Promise<void> {
  const stop = (await state.stop(grant.id))?.stop;
  if (stop !== undefined && !(await state.hasPrivateCommand(msp, stop.request))) {
    throw new QuanjiError("STOP_PENDING", "the stop is not folded into the grant yet: send again in a moment");
  }
}
