/** Every command: its schema, where its object lives, and the one parser that all entrances use. */
import type { z } from "zod";
import type { JsonObject, Limits } from "../log/canonical.js";
import { LIMITS } from "../log/canonical.js";
import { AccessAccept, AccessRequest, AccessVoid } from "./access.js";
import { BoundaryPublish } from "./boundary.js";
import { QuanjiError } from "./errors.js";
import * as grant from "./grant.js";
import { Attest, AttestationWithdraw } from "./market/attestation.js";
import { PriceCap } from "./market/cap.js";
import { CONTRACT_LIMITS, ContractSign, ContractTerminate } from "./market/contract.js";
import { OfferDelist, OfferList, TariffPublish } from "./market/offer.js";
import * as settlement from "./market/settlement.js";
import * as network from "./network.js";
import { RecordErase, RecordSeal, RecordUnseal } from "./openings.js";
import * as order from "./order.js";
import * as party from "./party.js";
import * as resource from "./resource.js";
import { PartyOpenTagKey, PartyTagKey } from "./subject.js";
import { TallySign } from "./tally.js";

/** Contract that carries the command. */
export type Group =
  | "network"
  | "parties"
  | "resources"
  | "attestations"
  | "boundaries"
  | "orders"
  | "grants"
  | "openings"
  | "market"
  | "settlement"
  | "accesses";

interface CommandRow {
  readonly group: Group;
  readonly schema: z.ZodType;
  /** Members of the payload that are commitments; an opening may travel beside the command for each. */
  readonly committed: readonly string[];
  /** One sentence for help texts and the API's description. */
  readonly summary: string;
}

export const COMMANDS = {
  "network.init": row("network", network.NetworkInit, "Begin a network: first transaction, signed by the regulator.", [
    "regulator.responsibleHead",
  ]),
  "gateway.register": row("network", network.GatewayRegister, "Register an organisation's gateway."),
  "log.create": row("network", network.LogCreate, "Create a log of a gateway."),
  "clock.set": row("network", network.ClockSet, "Move a test network's clock forward."),
  "party.register": row("parties", party.PartyRegister, "Register a party with its first key.", ["responsibleHead"]),
  "party.admit": row("parties", party.PartyAdmit, "Admit a registered party and fix its roles."),
  "party.rotateKey": row("parties", party.PartyRotateKey, "Add a key, and end an old one."),
  "party.compromiseKey": row("parties", party.PartyCompromiseKey, "Declare a key compromised: it ends at once."),
  "party.suspend": row("parties", party.PartySuspend, "Suspend a party.", ["ground"]),
  "party.resume": row("parties", party.PartyResume, "End a party's suspension."),
  "party.tagKey": row("parties", PartyTagKey, "Register the key of a quarter for tags of data subjects, in escrow.", [
    "escrow",
  ]),
  "party.openTagKey": row("parties", PartyOpenTagKey, "Declare that a steward's tag key is taken out of escrow.", [
    "ground",
  ]),
  "resource.register": row("resources", resource.ResourceRegister, "Register a resource and the three rights in it.", [
    "responsibleHead",
  ]),
  "resource.amend": row("resources", resource.ResourceAmend, "Publish a resource's next version.", ["responsibleHead"]),
  "resource.suspend": row("resources", resource.ResourceSuspend, "Suspend all use of a resource.", ["ground"]),
  "resource.resume": row("resources", resource.ResourceResume, "End a resource's suspension."),
  attest: row("attestations", Attest, "State what an examination of a resource's version has found.", ["findings"]),
  "attestation.withdraw": row("attestations", AttestationWithdraw, "Withdraw an attestation: final.", ["ground"]),
  "price.cap": row("attestations", PriceCap, "Set what a unit of a resource, or of what is made from it, may cost."),
  "boundary.publish": row("boundaries", BoundaryPublish, "Publish a version of a boundary list."),
  "order.freeze": row("orders", order.OrderFreeze, "Freeze a resource, a party or a grant, alone and at once.", [
    "ground",
  ]),
  "order.lift": row("orders", order.OrderLift, "Lift a freeze.", ["ground"]),
  "grant.request": row("grants", grant.GrantRequest, "Ask for a grant."),
  "grant.offer": row("grants", grant.GrantOffer, "Offer a grant."),
  "grant.derive": row("grants", grant.GrantDerive, "Grant a narrower part of an own grant to another party."),
  "grant.accept": row("grants", grant.GrantAccept, "Accept an offered grant."),
  "grant.approve": row("grants", grant.GrantApprove, "Approve one's open step of a grant."),
  "grant.refuse": row("grants", grant.GrantRefuse, "Refuse one's open step of a grant: final.", ["ground"]),
  "grant.withdraw": row("grants", grant.GrantWithdraw, "Withdraw one's own request or offer."),
  "grant.suspend": row("grants", grant.GrantStop, "Stop a grant and all below it, until resumed.", ["ground"]),
  "grant.revoke": row("grants", grant.GrantStop, "Stop a grant and all below it for ever.", ["ground"]),
  "grant.resume": row("grants", grant.GrantResume, "Resume a suspended grant."),
  "grant.allot": row("grants", grant.GrantAllot, "Share a grant's quota out among its logs anew."),
  "record.erase": row("openings", RecordErase, "Erase what a record's request committed to, for ever.", ["ground"]),
  "record.seal": row("openings", RecordSeal, "Hide whole records until a date; they are counted all the same.", [
    "ground",
  ]),
  "record.unseal": row("openings", RecordUnseal, "Show sealed records before their date.", ["ground"]),
  "offer.list": row("market", OfferList, "Offer a registered product at a tariff."),
  "offer.delist": row("market", OfferDelist, "End an offer: no further contract is made by it.", ["ground"]),
  "tariff.publish": row("market", TariffPublish, "Publish an offer's next tariff, from a month to come."),
  "contract.sign": row("market", ContractSign, "Sign a contract's terms, as all of its parties do."),
  "contract.terminate": row("market", ContractTerminate, "End a contract: later deliveries are not billed by it.", [
    "ground",
  ]),
  access: row("accesses", AccessRequest, "Use a resource.", ["operator", "query"]),
  "access.void": row("accesses", AccessVoid, "Declare a sequence number as never used."),
  "access.accept": row("accesses", AccessAccept, "Confirm what was delivered: its digest and rows."),
  "tally.sign": row("accesses", TallySign, "State how many accesses of a window the source has served."),
  "indicator.sign": row("settlement", settlement.IndicatorSign, "Sign the figure that a month is paid by."),
  "statement.close": row(
    "settlement",
    settlement.StatementClose,
    "Close a contract's month: what was used, and its price.",
  ),
  "statement.dispute": row("settlement", settlement.StatementDispute, "Dispute deliveries of a statement.", ["ground"]),
  "statement.adjust": row(
    "settlement",
    settlement.StatementAdjust,
    "Take deliveries back, bill what was held, or dismiss a dispute.",
    ["ground"],
  ),
  "invoice.issue": row("settlement", settlement.InvoiceIssue, "Issue a statement's invoice."),
  "invoice.settle": row("settlement", settlement.InvoiceSettle, "Confirm the payment of an invoice."),
  "certificate.issue": row("settlement", settlement.CertificateIssue, "Issue a certificate of compliant circulation."),
  "certificate.revoke": row("settlement", settlement.CertificateRevoke, "Revoke a certificate.", ["ground"]),
  "disclosure.publish": row("settlement", settlement.DisclosurePublish, "Publish one's yearly account."),
  "books.close": row("settlement", settlement.BooksClose, "Net the accounts of a month, and close its books."),
} as const satisfies Record<string, CommandRow>;

function row<G extends Group, S extends z.ZodType>(
  group: G,
  schema: S,
  summary: string,
  committed: readonly string[] = [],
) {
  return { group, schema, summary, committed };
}

export type Verb = keyof typeof COMMANDS;
export type Payload<V extends Verb> = z.infer<(typeof COMMANDS)[V]["schema"]>;

export const isVerb = (text: string): text is Verb => Object.hasOwn(COMMANDS, text);

/** Lists of cells and of accounts; lines and places of deliveries. */
const LARGE: Readonly<Partial<Record<Verb, number>>> = {
  "boundary.publish": 1024 * 1024,
  "books.close": 1024 * 1024,
  "statement.close": 128 * 1024,
  "statement.dispute": 128 * 1024,
  "statement.adjust": 128 * 1024,
};

/** 16 KiB and 8 levels for everything else. */
export function limitsOf(verb: Verb): Limits {
  if (verb === "contract.sign") return CONTRACT_LIMITS;
  const maxBytes = LARGE[verb];
  return maxBytes === undefined ? LIMITS : { maxBytes, maxDepth: LIMITS.maxDepth };
}

/** Errors: MALFORMED naming the field. */
export function parsePayload<V extends Verb>(verb: V, payload: JsonObject): Payload<V> {
  const schema: z.ZodType = COMMANDS[verb].schema;
  return parseWith(schema, payload) as Payload<V>;
}

/** Errors: MALFORMED with the path of the first field that does not fit, and never its value. */
export function parseWith<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue?.code === "unrecognized_keys";
  const field = [...(issue?.path ?? []), ...(unknown ? issue.keys.slice(0, 1) : [])].join(".");
  throw new QuanjiError(
    "MALFORMED",
    unknown ? "a field is not known here" : `a field does not fit: ${issue?.message ?? "?"}`,
    {
      field,
      ...(unknown && { detail: "FIELD_UNKNOWN" }),
    },
  );
}
