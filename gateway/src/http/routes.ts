/** Every route there is, once: the application registers this table, and the API's description is generated from it. */
import { COMMANDS, type Verb } from "@quanji/chaincode/domain";
import type { z } from "zod";
import * as schemas from "./schemas.js";

export type PublicId =
  | "health"
  | "ready"
  | "metrics"
  | "docs"
  | "docsFile"
  | "openapi"
  | "network"
  | "trust"
  | "earlierTrust"
  | "codes"
  | "schema"
  | "checkpoint"
  | "tile"
  | "anchor"
  | "height"
  | "block"
  | "document"
  | "documentPage"
  | "statuses";

export type ReadId =
  | "parties"
  | "party"
  | "resources"
  | "resource"
  | "grants"
  | "grant"
  | "derived"
  | "attestations"
  | "attestation"
  | "caps"
  | "offers"
  | "offer"
  | "contracts"
  | "contract"
  | "command"
  | "receipts"
  | "seq"
  | "trail"
  | "resourceTrail"
  | "subjectTrail"
  | "kept"
  | "statements"
  | "statement"
  | "books"
  | "allowances"
  | "contractTrail"
  | "disclosureTrail";

interface Common {
  /** As in OpenAPI: `/v1/parties/{id}`. */
  readonly path: string;
  readonly summary: string;
}

export interface PublicRoute extends Common {
  readonly kind: "public";
  readonly id: PublicId;
  readonly media: string;
  readonly schema?: z.ZodType;
}
export interface CommandRoute extends Common {
  readonly kind: "command";
  readonly verb: Exclude<Verb, "access">;
}
export interface AccessRoute extends Common {
  readonly kind: "access";
}
export interface ReadRoute extends Common {
  readonly kind: "read";
  readonly id: ReadId;
  readonly query: z.ZodType<Readonly<Record<string, string | undefined>>>;
  /** Undefined: NDJSON that proves itself. */
  readonly answer: z.ZodType | undefined;
}
export type Route = PublicRoute | CommandRoute | AccessRoute | ReadRoute;

const open = (id: PublicId, path: string, media: string, summary: string, schema?: z.ZodType): PublicRoute => ({
  kind: "public",
  id,
  path,
  media,
  summary,
  ...(schema !== undefined && { schema }),
});

const read = (
  id: ReadId,
  path: string,
  summary: string,
  answer: z.ZodType | undefined,
  query: ReadRoute["query"] = schemas.NoQuery,
): ReadRoute => ({ kind: "read", id, path, summary, answer, query });

const JSON_MEDIA = "application/json";

const PUBLIC: readonly PublicRoute[] = [
  open("health", "/healthz", "text/plain", "The process is alive."),
  open("ready", "/readyz", JSON_MEDIA, "A fresh checkpoint, and a read model that keeps up.", schemas.ReadySchema),
  open("metrics", "/metrics", "text/plain", "Prometheus metrics."),
  open("docs", "/docs", "text/html", "This description, to browse."),
  open("docsFile", "/docs/{file}", "application/octet-stream", "A file of the browsable description."),
  open("openapi", "/openapi.json", JSON_MEDIA, "This description."),
  open(
    "network",
    "/v1/network",
    "application/jose+json",
    "Gateways, logs and public URLs, signed.",
    schemas.NetworkSchema,
  ),
  open("trust", "/v1/trust.json", JSON_MEDIA, "The trust file. Pin it by a digest that came another way."),
  open("earlierTrust", "/v1/trust/{version}", JSON_MEDIA, "A version of the trust file before the newest."),
  open("codes", "/v1/codes", JSON_MEDIA, "Every code with its status and meaning."),
  open("schema", "/v1/schemas/{name}", "application/schema+json", "JSON Schema of a command's payload or of evidence."),
  open(
    "checkpoint",
    "/v1/logs/{n}/checkpoint",
    "text/plain",
    "Newest checkpoint of a log of this gateway, cosigned where it asks witnesses (C2SP).",
  ),
  open(
    "tile",
    "/v1/logs/{n}/tile/{level}/{tile}",
    "application/octet-stream",
    "Hashes of a log's tree (C2SP tlog-tiles). There are no entry bundles: leaves are hashes of private records.",
  ),
  open(
    "anchor",
    "/v1/logs/{n}/anchor/{name}",
    JSON_MEDIA,
    "Proof that a head of the log stands in a contract on another chain: newest, or by its block's hash in hex.",
  ),
  open(
    "height",
    "/v1/blocks",
    JSON_MEDIA,
    "Number of blocks; only where the gateway publishes them.",
    schemas.HeightSchema,
  ),
  open(
    "block",
    "/v1/blocks/{number}",
    "application/octet-stream",
    "A block as Fabric serialises it, waited for some seconds; only where the gateway publishes them.",
  ),
  open(
    "document",
    "/v1/documents/{code}",
    JSON_MEDIA,
    "State of a document, for whoever has its code. Says nothing of what is in it.",
    schemas.DocumentSchema,
  ),
  open("documentPage", "/documents/{code}", "text/html", "The same for people: what a document's QR code leads to."),
  open(
    "statuses",
    "/v1/statuses/{issuer}",
    "application/vc+jwt",
    "Which of an issuer's certificates are revoked (W3C Bitstring Status List), signed by this gateway.",
  ),
];

const READS: readonly ReadRoute[] = [
  read("parties", "/v1/parties", "Parties, a page.", schemas.pageOf(schemas.PartySchema), schemas.PageQuery),
  read("party", "/v1/parties/{id}", "One party.", schemas.PartySchema),
  read("resources", "/v1/resources", "Resources, a page.", schemas.pageOf(schemas.ResourceSchema), schemas.PageQuery),
  read("resource", "/v1/resources/{prefix}/{name}", "One resource; its id is prefix/name.", schemas.ResourceSchema),
  read(
    "grants",
    "/v1/grants",
    "Grants that concern the caller, a page.",
    schemas.pageOf(schemas.GrantSchema),
    schemas.PageQuery,
  ),
  read("grant", "/v1/grants/{id}", "One grant.", schemas.GrantSchema),
  read(
    "derived",
    "/v1/resources/{prefix}/{name}/derived",
    "Products made from a resource, and who holds grants on them: for its steward and the regulator.",
    schemas.DerivedSchema,
  ),
  read(
    "attestations",
    "/v1/attestations",
    "Attestations, a page; of a resource, or of one version of it.",
    schemas.pageOf(schemas.AttestationSchema),
    schemas.AttestationsQuery,
  ),
  read("attestation", "/v1/attestations/{id}", "One attestation.", schemas.AttestationSchema),
  read("caps", "/v1/caps/{prefix}/{name}", "Price caps of one resource.", schemas.CapsSchema),
  read(
    "offers",
    "/v1/offers",
    "Offers that are listed here, a page.",
    schemas.pageOf(schemas.OfferSchema),
    schemas.OffersQuery,
  ),
  read("offer", "/v1/offers/{id}", "One offer, listed or not.", schemas.OfferSchema),
  read(
    "contracts",
    "/v1/contracts",
    "Contracts that name the caller, a page.",
    schemas.pageOf(schemas.ContractSchema),
    schemas.PageQuery,
  ),
  read("contract", "/v1/contracts/{id}", "One contract.", schemas.ContractSchema),
  read(
    "command",
    "/v1/commands/{request}",
    "A command that took effect, by its request hash.",
    schemas.KnownCommandSchema,
  ),
  read(
    "receipts",
    "/v1/receipts/{request}",
    "Receipts of an access, of its delivery and of its acceptance.",
    schemas.ReceiptsSchema,
  ),
  read("seq", "/v1/seq", "The caller's next sequence number in a log.", schemas.SeqSchema, schemas.SeqQuery),
  read(
    "kept",
    "/v1/openings/{prefix}/{name}",
    "Records of a resource of which something is kept that can be erased, oldest first: for its steward and the regulator.",
    schemas.pageOf(schemas.KeptSchema),
    schemas.KeptQuery,
  ),
  read(
    "statements",
    "/v1/statements",
    "Statements of a contract by month, a page: for its parties; totals and own portions for who is paid by it in that month.",
    schemas.pageOf(schemas.StatementSchema),
    schemas.StatementsQuery,
  ),
  read("statement", "/v1/statements/{contract}/{period}", "One month's statement.", schemas.StatementSchema),
  read(
    "books",
    "/v1/books/{period}/{currency}",
    "Accounts of a month that are not at 0: all for the regulator and an exchange, the caller's own for a party.",
    schemas.BooksSchema,
  ),
  read(
    "allowances",
    "/v1/allowances/{offer}",
    "What an offer whose price is guided by government may earn, by month: for its seller, its exchange and the regulator.",
    schemas.AllowancesSchema,
  ),
  read(
    "contractTrail",
    "/v1/trails/contract/{id}",
    "Evidence of a contract's month: its grant's trail with the chains of offer and contract (NDJSON, proves itself). For its parties, the regulator, and who is paid by it in that month: to the last, commands on other months are counted and not shown.",
    undefined,
    schemas.ContractTrailQuery,
  ),
  read(
    "disclosureTrail",
    "/v1/trails/disclosure/{party}",
    "What proves a yearly disclosure: the discloser's own commands and the contracts that it closed statements of (NDJSON, proves itself). For it and the regulator.",
    undefined,
    schemas.DisclosureTrailQuery,
  ),
  read(
    "resourceTrail",
    "/v1/trails/resource/{prefix}/{name}",
    "Trail of a resource (NDJSON, proves itself).",
    undefined,
    schemas.TrailQuery,
  ),
  read(
    "subjectTrail",
    "/v1/trails/subject/{steward}",
    "Trail of a data subject, by the tags that its steward has for it (NDJSON, proves itself). For the steward and the regulator.",
    undefined,
    schemas.SubjectTrailQuery,
  ),
  read(
    "trail",
    "/v1/trails/{kind}/{id}",
    "Trail of a grant or party (NDJSON, proves itself).",
    undefined,
    schemas.TrailQuery,
  ),
];

const verbs = (Object.keys(COMMANDS) as Verb[]).filter((verb) => verb !== "access");

const COMMAND_ROUTES: readonly CommandRoute[] = verbs.map((verb) => ({
  kind: "command",
  verb,
  path: `/v1/commands/${verb}`,
  summary: COMMANDS[verb].summary,
}));

/** In the order in which they are matched: the busiest first, exact paths before those with parameters. */
export const ROUTES: readonly Route[] = [
  { kind: "access", path: "/v1/access", summary: COMMANDS.access.summary },
  ...COMMAND_ROUTES,
  ...READS,
  ...PUBLIC,
];

export const methodOf = (route: Route): "get" | "post" => (route.kind === "public" ? "get" : "post");

/** `/v1/parties/{id}` as Express writes it. A tile's index has slashes in it. */
export const expressPath = ({ path }: Route): string =>
  path.replaceAll("{tile}", "*tile").replaceAll(/\{(\w+)\}/g, ":$1");
