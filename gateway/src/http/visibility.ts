/**
 * Who may see what. The catalogue (parties, resources) is every active party's; a grant and what was done under it concerns
 * its parties, the resource's steward and the regulator. Everybody else is told that there is nothing.
 */
import {
  type Contract,
  contractMonth,
  type Grant,
  isQuanjiError,
  namedIn,
  type Party,
  type Resource,
  signatoriesOf,
  splitVersion,
} from "@quanji/chaincode/domain";
import { partyOf } from "@quanji/chaincode/log";
import { monthNamedBy } from "../evidence/withheld.js";
import type { KnownCommand, KnownRecord, ReadModel } from "../readmodel/readmodel.js";
import { accessBodyOf } from "../service/records.js";

export const isRegulator = (party: Party): boolean => party.roles.includes("regulator");

export const isPartyTo = (grant: Grant, party: string): boolean =>
  grant.grantor === party || grant.grantee === party || grant.steps.some((step) => step.party === party);

export async function maySeeGrant(readModel: ReadModel, grant: Grant, viewer: Party): Promise<boolean> {
  if (isRegulator(viewer) || isPartyTo(grant, viewer.id)) return true;
  return isSteward(await readModel.resource(splitVersion(grant.resource).id), viewer);
}

const isSteward = (resource: Resource | undefined, viewer: Party): boolean => resource?.steward === viewer.id;

/** All uses of a resource are its steward's and its right holders' to see. */
export const maySeeUses = (resource: Resource, viewer: Party): boolean =>
  isRegulator(viewer) || isSteward(resource, viewer) || resource.rights.some((right) => right.holder === viewer.id);

/** The requester; the parties of the grant that it used; the steward; the regulator. */
export async function maySeeRecord(readModel: ReadModel, record: KnownRecord, viewer: Party): Promise<boolean> {
  const body = accessBodyOf(record);
  if (isRegulator(viewer) || partyOf(body.requester) === viewer.id) return true;
  if (body.resource === undefined) return false;
  if (isSteward(await readModel.resource(splitVersion(body.resource).id), viewer)) return true;
  const grant = body.grant === undefined ? undefined : await readModel.grant(splitVersion(body.grant).id);
  return grant !== undefined && (grant.grantor === viewer.id || grant.grantee === viewer.id);
}

/** Seller, buyer and exchange, of any of its versions. */
export const isSideOf = ({ versions }: Contract, party: string): boolean =>
  versions.some(({ terms }) => [terms.seller, terms.buyer, terms.exchange].includes(party));

/** Whether the version of the contract that is in force in a month names the party among its payees. */
export function isPayeeIn(contract: Contract, month: string, timeZone: string, party: string): boolean {
  try {
    return namedIn(contractMonth(contract, month, timeZone).version.terms.payees).parties.includes(party);
  } catch (error) {
    // The contract covers nothing of that month, so nothing of it is anybody's.
    if (isQuanjiError(error, "STATE_CONFLICT")) return false;
    throw error;
  }
}

/** Its parties, whoever it pays or asks to measure, and the regulator. */
export const maySeeContract = (contract: Contract, viewer: Party): boolean =>
  isRegulator(viewer) ||
  contract.versions.some(
    ({ terms }) =>
      signatoriesOf(terms).includes(viewer.id) ||
      namedIn(terms.payees).parties.includes(viewer.id) ||
      terms.measurer === viewer.id,
  );

/** Signer and regulator; for a command on a grant or contract also those who may see it, and of a month of a contract only who was paid in it. */
export async function maySeeCommand(
  readModel: ReadModel,
  known: KnownCommand,
  signer: string,
  viewer: Party,
): Promise<boolean> {
  if (isRegulator(viewer) || signer === viewer.id) return true;
  for (const { kind, id } of known.stored.chains) {
    if (kind === "contract") {
      const contract = await readModel.contract(id);
      return contract !== undefined && maySeeOn(readModel, contract, monthNamedBy(known.stored), viewer);
    }
    if (kind === "grant") {
      const grant = await readModel.grant(id);
      return grant !== undefined && maySeeGrant(readModel, grant, viewer);
    }
  }
  return false;
}

/** @param month what the command is about; undefined: the contract itself */
async function maySeeOn(
  readModel: ReadModel,
  contract: Contract,
  month: string | undefined,
  viewer: Party,
): Promise<boolean> {
  if (month === undefined) return maySeeContract(contract, viewer);
  if (isSideOf(contract, viewer.id)) return true;
  const timeZone = (await readModel.network())?.timeZone;
  return timeZone !== undefined && isPayeeIn(contract, month, timeZone, viewer.id);
}
