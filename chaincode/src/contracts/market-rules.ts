/** What an offer or a contract must satisfy against other objects. Their own rules are in domain/market. */
import {
  assertListed,
  assertWithinCaps,
  type AttestationKind,
  capsInForce,
  type Cell,
  type CommandFacts,
  type ContractTerms,
  endOf,
  type Grant,
  holds,
  matchingCells,
  msOf,
  namedIn,
  newestTariff,
  type Offer,
  type Payload,
  QuanjiError,
  type Resource,
  splitVersion,
  tariffAt,
  versionedId,
} from "../domain/index.js";
import type { State } from "../world/state.js";
import { attestationsOf } from "./attestations.js";
import { cellsFor } from "./boundaries.js";
import { familyOf } from "./lineage.js";

/**
 * Errors: NOT_FOUND, COMMAND_MISDIRECTED, STATE_CONFLICT, RESOURCE_SUSPENDED, RIGHT_MISSING, MALFORMED, ROLE_REQUIRED,
 * PARTY_INACTIVE, ATTESTATION_MISSING, OFF_EXCHANGE, CAP_EXCEEDED.
 */
export async function assertListable(state: State, msp: string, offer: Offer, timeMs: number): Promise<void> {
  const resource = await newestOf(state, offer.resource);
  if (resource.servedBy !== msp) {
    throw new QuanjiError(
      "COMMAND_MISDIRECTED",
      `send this to a gateway of ${resource.servedBy}, which serves the resource`,
    );
  }
  if (!holds(resource, "operating", offer.seller, timeMs)) {
    throw new QuanjiError("RIGHT_MISSING", "a product is sold by who holds the operating right in it", {
      field: "resource",
    });
  }
  assertListed(await state.network(), "purposes", offer.purposes);
  if (offer.exchange !== undefined) await assertExchange(state, offer.exchange);
  const family = await familyOf(state, resource);
  const sold = { offer, exchange: offer.exchange, resource };
  await assertSaleable(state, sold, timeMs, await surely(state, family, offer.purposes, timeMs));
  await assertUncapped(state, offer, family, timeMs);
}

/** Errors: CAP_EXCEEDED, NOT_FOUND. */
export async function assertPublishable(state: State, offer: Offer, timeMs: number): Promise<void> {
  const resource = await state.resource(splitVersion(offer.resource).id);
  if (resource === undefined) throw new QuanjiError("NOT_FOUND", "no such resource", { field: "resource" });
  await assertUncapped(state, offer, await familyOf(state, resource), timeMs);
}

/** The newest tariff against all caps that will be in force when it takes effect, as far as they are published. */
async function assertUncapped(state: State, offer: Offer, family: readonly Resource[], timeMs: number): Promise<void> {
  const { tariff } = newestTariff(offer);
  const effective = Math.max(timeMs, msOf(tariff.from));
  for (const { id } of family) {
    const caps = capsInForce(await state.caps(id), tariff, effective);
    assertWithinCaps(
      tariff,
      caps.map(({ amount }) => amount),
      id,
    );
  }
}

/** Cells of lists in force that speak of sales, each with the resource that it speaks of. */
interface Sale {
  readonly cell: Cell;
  readonly of: string;
}

const ofSales = (cells: readonly Cell[], of: string): readonly Sale[] =>
  cells.filter(({ effect }) => effect === "exchangeOnly").map((cell) => ({ cell, of }));

/** Of an offer, whose buyers and actions nobody knows yet: cells that apply whoever they are. */
async function surely(
  state: State,
  family: readonly Resource[],
  purposes: readonly string[],
  timeMs: number,
): Promise<readonly Sale[]> {
  const sales: Sale[] = [];
  for (const { id, steward, class: named } of family) {
    const cells = await cellsFor(state, named, timeMs);
    // A party or action of the name "" is nobody's: only a cell that says `any` there covers it.
    const matching = purposes.flatMap((purpose) =>
      matchingCells(cells, { from: steward, to: "", class: named, purpose, action: "" }),
    );
    sales.push(...ofSales(matching, id));
  }
  return sales;
}

/** Of a contract: cells that cover one of the uses that its grant allows, of the resource or of what that was made from. */
async function covering(
  state: State,
  family: readonly Resource[],
  { grantee, terms }: Grant,
  timeMs: number,
): Promise<readonly Sale[]> {
  const sales: Sale[] = [];
  for (const { id, steward, class: named } of family) {
    const cells = await cellsFor(state, named, timeMs);
    for (const purpose of terms.purposes) {
      for (const action of terms.actions) {
        const query = { from: steward, to: grantee, class: named, purpose, action };
        sales.push(...ofSales(matchingCells(cells, query), id));
      }
    }
  }
  return sales;
}

/** What is sold. `exchange`: what the contract says, not its offer: to leave the exchange out is what is refused. */
interface Sold {
  readonly offer: Offer;
  readonly exchange: string | undefined;
  readonly resource: Resource;
}

/** Errors: OFF_EXCHANGE, ATTESTATION_MISSING. */
async function assertSaleable(
  state: State,
  { offer, exchange, resource }: Sold,
  timeMs: number,
  sales: readonly Sale[],
): Promise<void> {
  const [bound] = sales;
  if (bound !== undefined && exchange === undefined) {
    throw new QuanjiError(
      "OFF_EXCHANGE",
      `a list says that what is made from ${bound.of} is sold on an exchange only`,
      {
        field: "exchange",
        detail: bound.of,
      },
    );
  }
  const owners = [offer.seller, resource.steward];
  const listed = await attestationsOf(state, offer.attestations, offer.resource, owners, timeMs);
  const required = new Set<AttestationKind>(sales.flatMap(({ cell }) => cell.requires ?? []));
  for (const kind of required) {
    if (listed.some((attestation) => attestation.kind === kind)) continue;
    throw new QuanjiError("ATTESTATION_MISSING", `a list asks for an attestation of ${kind} of ${offer.resource}`, {
      field: "attestations",
      detail: kind,
    });
  }
}

async function newestOf(state: State, text: string): Promise<Resource> {
  const resource = await state.resource(splitVersion(text).id);
  if (resource === undefined) throw new QuanjiError("NOT_FOUND", "no such resource", { field: "resource" });
  if (versionedId(resource) !== text) {
    throw new QuanjiError("STATE_CONFLICT", "the resource has another version now", {
      field: "resource",
      detail: versionedId(resource),
    });
  }
  if (resource.state === "suspended") throw new QuanjiError("RESOURCE_SUSPENDED", "the resource is suspended");
  return resource;
}

async function assertActive(state: State, id: string, field: string): Promise<void> {
  if ((await state.party(id))?.state === "active") return;
  throw new QuanjiError("PARTY_INACTIVE", `the ${field} is not an active party`, { field });
}

async function assertExchange(state: State, id: string): Promise<void> {
  await assertActive(state, id, "exchange");
  if ((await state.party(id))?.roles.includes("exchange") === true) return;
  throw new QuanjiError("ROLE_REQUIRED", "what is named as exchange has not the role exchange", { field: "exchange" });
}

/**
 * Errors: NOT_FOUND (offer or grant: absent, or not of these parties), OFF_EXCHANGE, STATE_CONFLICT, RESOURCE_SUSPENDED,
 * MALFORMED, PARTY_INACTIVE, ROLE_REQUIRED, ATTESTATION_MISSING.
 */
export async function assertSignable(
  state: State,
  msp: string,
  { contract, terms }: Payload<"contract.sign">,
  { timeMs }: CommandFacts,
): Promise<void> {
  const offer = await state.offer(msp, terms.offer);
  if (offer?.seller !== terms.seller) {
    throw new QuanjiError("NOT_FOUND", "that seller has no such offer here", { field: "terms.offer" });
  }
  const grant = await grantFor(state, msp, offer, terms);
  const resource = await newestOf(state, offer.resource);
  const sales = await covering(state, await familyOf(state, resource), grant, timeMs);
  await assertSaleable(state, { offer, exchange: terms.exchange, resource }, timeMs, sales);
  if (offer.exchange !== terms.exchange) {
    throw new QuanjiError("MALFORMED", "a contract names the exchange of its offer, and no other", {
      field: "terms.exchange",
    });
  }
  if (offer.state !== "listed")
    throw new QuanjiError("STATE_CONFLICT", "the offer is delisted", { detail: offer.state });
  assertPriced(offer, terms, timeMs);
  await assertActive(state, terms.seller, "seller");
  await assertActive(state, terms.buyer, "buyer");
  if (terms.exchange !== undefined) await assertExchange(state, terms.exchange);
  await assertPayable(state, terms);
  await assertUnbilled(state, msp, contract, grant, timeMs);
}

async function grantFor(state: State, msp: string, offer: Offer, terms: ContractTerms): Promise<Grant> {
  const grant = await state.grant(msp, terms.grant);
  const fits =
    grant?.grantor === terms.seller &&
    grant.grantee === terms.buyer &&
    splitVersion(grant.resource).id === splitVersion(offer.resource).id;
  if (!fits) {
    throw new QuanjiError("NOT_FOUND", "that seller has given that buyer no such grant on what is offered", {
      field: "terms.grant",
    });
  }
  if (grant.state !== "active" && grant.state !== "pending") {
    throw new QuanjiError("STATE_CONFLICT", `the grant is ${grant.state}`, {
      field: "terms.grant",
      detail: grant.state,
    });
  }
  const foreign = grant.terms.purposes.find((purpose) => !offer.purposes.includes(purpose));
  if (foreign !== undefined) {
    throw new QuanjiError("MALFORMED", "the grant allows a purpose that is not offered", {
      field: "terms.grant",
      detail: foreign,
    });
  }
  return grant;
}

/** A statement of the first month needs a price, and one that pays by a figure needs who measures it. */
function assertPriced(offer: Offer, terms: ContractTerms, timeMs: number): void {
  const current = tariffAt(offer, timeMs);
  if (current === undefined) {
    throw new QuanjiError("STATE_CONFLICT", "the offer's tariff is not in force yet: sign once it is", {
      field: "terms.offer",
    });
  }
  if ((current.tariff.performance === undefined) === (terms.measurer === undefined)) return;
  throw new QuanjiError("MALFORMED", "a measurer is named exactly if the tariff pays by a figure", {
    field: "terms.measurer",
  });
}

async function assertPayable(state: State, { payees, measurer }: ContractTerms): Promise<void> {
  for (const party of namedIn(payees).parties) {
    if ((await state.party(party)) !== undefined) continue;
    throw new QuanjiError("NOT_FOUND", "a payee is not registered", { field: "terms.payees", detail: party });
  }
  if (measurer !== undefined) await assertActive(state, measurer, "measurer");
}

/** Errors: STATE_CONFLICT while another contract bills that grant. */
async function assertUnbilled(
  state: State,
  msp: string,
  contract: string,
  grant: Grant,
  timeMs: number,
): Promise<void> {
  const billing = await state.billed(msp, grant.id);
  if (billing === undefined || billing === contract) return;
  const other = await state.contract(msp, billing);
  const end = other === undefined ? undefined : endOf(other);
  if (end !== undefined && end <= timeMs) return;
  throw new QuanjiError("STATE_CONFLICT", "another contract bills what is delivered under that grant", {
    field: "terms.grant",
    detail: "BILLED",
  });
}
