/**
 * A contract's month on the small world's ledger: deliveries, their statement, its documents, and the files that are handed out.
 * Bureau sells to insurer; bureau, operator and approver share 4 : 3 : 3. Holds no test itself.
 */
import {
  contractMonth,
  dividedFor,
  instant,
  msOf,
  type Payload,
  Reckoner,
  type Statement,
  type Tariff,
} from "@quanji/chaincode/domain";
import { type FlattenedJws, fromBase64url, toBase64url, utf8 } from "@quanji/chaincode/log";
import {
  buildCertificate,
  buildCreditNote,
  buildInvoice,
  buildVoucher,
  contractDigest,
  deliveriesOf,
  digestOf,
  documentLine,
  type DocumentKind,
  documentText,
  parseDocumentText,
  signDocument,
  statusListPath,
} from "../../documents/index.js";
import { openRecord } from "../record.js";
import { verifyTrail } from "../trail.js";
import type { OpenedTrust } from "../trust.js";
import {
  kidOf,
  LOG,
  type Name,
  NET,
  PARTIES,
  sealed,
  type Signer,
  SmallWorld,
  URLS,
  type TrailParts,
} from "../support.test.js";
import { type Settled, settledOf } from "./settled.js";
import { type DocumentOptions, verifyDocument } from "./verify.js";

export const PERIOD = "2026-03";
/** Past the end of March in the network's time zone. */
const APRIL = Date.parse("2026-03-31T16:00:00.000Z") + 3_600_000;

export const TIERS: Tariff["tiers"] = [
  { upTo: 2, amount: "128888", per: 1 },
  { upTo: 4, amount: "110999", per: 1 },
  { amount: "95001", per: 1 },
];

export const signerOf = (name: Name, key: Signer = PARTIES[name].key) => ({
  kid: kidOf(PARTIES[name].id, key),
  alg: key.jwk.kty === "EC" ? ("ES256" as const) : ("EdDSA" as const),
  sign: (data: Uint8Array) => key.sign(data),
});

export interface MonthOptions {
  readonly uses?: number;
  readonly tariff?: Partial<Tariff>;
  readonly counterparts?: ("acceptance" | "tally")[];
  /** Which deliveries are accepted, where that is asked for; default: all. */
  readonly accepted?: (n: number) => boolean;
  readonly purposes?: (n: number) => string;
  /** Bureau and operator share by deliveries under two other grants, instead of by fixed weights. */
  readonly measured?: boolean;
}

export class SettledMonth {
  readonly world: SmallWorld;
  offer = "";
  contract = "";
  grant = "";
  deliveries: number[] = [];
  /** Grants that the split is weighed by. */
  weighing: string[] = [];
  #codes = 0;

  constructor(world: SmallWorld) {
    this.world = world;
  }

  static async begin(options: MonthOptions = {}): Promise<SettledMonth> {
    const [month] = await SettledMonth.several(options);
    return month!;
  }

  /** Contracts of one world, each with its own offer and grant. */
  static async several(...all: readonly MonthOptions[]): Promise<SettledMonth[]> {
    const world = await new SmallWorld().begin();
    const holder = PARTIES.bureau.id;
    await world.resource({
      rights: [
        { kind: "holding", holder, basis: "Law" },
        { kind: "operating", holder, basis: "Law" },
      ],
    });
    const months: SettledMonth[] = [];
    for (const options of all) {
      const month = new SettledMonth(world);
      await month.#sell(options);
      await month.#use(options);
      months.push(month);
    }
    world.nowMs = APRIL;
    return months;
  }

  async #sell({ tariff = {}, counterparts = [], measured = false }: MonthOptions): Promise<void> {
    const { world } = this;
    if (measured) this.weighing = [await world.grant(), await world.grant()].sort();
    const [first, second] = this.weighing.map((grant) => ({ grant }));
    const purposes = ["insurance.pricing", "disaster.warning"];
    this.grant = await world.grant({ purposes });
    this.offer = world.uuid();
    await world.command(
      "offer.list",
      {
        offer: this.offer,
        resource: "res/weather.daily@1",
        purposes,
        attestations: [],
        tariff: { unit: "call", currency: "CNY", tiers: TIERS, from: instant(world.nowMs), ...tariff },
      },
      "bureau",
    );
    this.contract = world.uuid();
    const terms = {
      offer: this.offer,
      seller: PARTIES.bureau.id,
      buyer: PARTIES.insurer.id,
      grant: this.grant,
      until: "2027-01-01T00:00:00.000Z",
      payees: {
        shares: [
          { weight: first ?? 4, to: PARTIES.bureau.id },
          { weight: second ?? 3, to: PARTIES.operator.id },
          ...(measured ? [] : [{ weight: 3, to: PARTIES.approver.id }]),
        ],
      },
      disputeDays: 10,
      counterparts,
    };
    for (const by of ["bureau", "insurer"] as const) {
      await world.command("contract.sign", { contract: this.contract, version: 1, terms }, by);
    }
  }

  async #use({ uses = 6, counterparts = [], accepted = () => true, purposes }: MonthOptions): Promise<void> {
    const { world } = this;
    for (let n = 0; n < uses; n++) {
      const access = await world.access(this.grant, purposes === undefined ? {} : { purpose: purposes(n) });
      const delivery = await world.deliver(access);
      this.deliveries.push(delivery);
      if (counterparts.includes("acceptance") && accepted(n)) await world.accept(delivery);
    }
  }

  /** Another use, after the month. */
  async later(): Promise<void> {
    await this.world.deliver(await this.world.access(this.grant));
  }

  /** Calendar day in the network's time zone. */
  #today(): string {
    return instant(this.world.nowMs + 8 * 3_600_000).slice(0, 10);
  }

  code(): string {
    return `00000000000000000000000${String(this.#codes++).padStart(3, "0")}`;
  }

  parts(over: TrailParts = {}): TrailParts {
    const { fromMs, toMs } = { fromMs: this.#begun, toMs: Date.parse("2026-03-31T16:00:00.000Z") };
    return { from: instant(fromMs), to: instant(toMs), offer: this.offer, contract: this.contract, ...over };
  }

  #begun = 0;

  async #lines(over: TrailParts = {}): Promise<object[]> {
    this.#begun = this.#begun === 0 ? await this.#activation() : this.#begun;
    return this.world.trailLines("grant", this.grant, this.parts(over));
  }

  async #activation(): Promise<number> {
    const lines = (await this.world.chainLines(`${NET}/org-HolderMSP`, "contract", this.contract)) as {
      t: string;
      entry?: string;
    }[];
    const signed = lines.filter(({ t }) => t === "command")[1];
    return msOf((JSON.parse(signed?.entry ?? "{}") as { time: string }).time);
  }

  async evidence(over: TrailParts = {}): Promise<string> {
    return sealed(await this.#lines(over));
  }

  lines(): Promise<object[]> {
    return this.#lines();
  }

  async settled(): Promise<Settled & { readonly statement: Statement }> {
    let settled: Settled | undefined;
    const observer = { replayed: (world: Parameters<typeof settledOf>[0]) => (settled = settledOf(world, PERIOD)) };
    const verdict = await verifyTrail(await this.evidence(), await this.world.trust(), { observer });
    if (!verdict.ok) throw new Error(`${verdict.detail ?? ""}: ${verdict.message ?? ""}`);
    return settled as Settled & { readonly statement: Statement };
  }

  /** What the closer's own reckoning says; `edit` makes it lie where the ledger cannot see it. */
  async close(
    edit: (payload: Payload<"statement.close">) => Payload<"statement.close"> = (same) => same,
  ): Promise<void> {
    const { contract, offer, timeZone } = await this.settled();
    const month = contractMonth(contract, PERIOD, timeZone);
    const { terms } = month.version;
    const tariff = offer.tariffs[0]!.tariff;
    const reckoner = new Reckoner({
      tariff,
      grant: terms.grant,
      span: month,
      acceptance: terms.counterparts.includes("acceptance"),
      untallied: [],
    });
    for (const { stored } of this.world.records(LOG)) {
      const { record, leaf } = openRecord(`${stored.face}\n${stored.body}`);
      reckoner.add(record, leaf);
    }
    const { lines, total, held } = reckoner.close({ isFirst: month.isFirst });
    const { net: _net, ...payload } = edit({
      net: NET,
      contract: this.contract,
      period: PERIOD,
      tariff: 1,
      logs: [{ log: LOG, from: 0, to: this.world.logState(LOG).size }],
      lines: [...lines],
      held: held as Payload<"statement.close">["held"],
      measured: this.#measured([0, 0]),
      total: String(total),
    });
    await this.world.command("statement.close", payload, "bureau");
  }

  /** A later month in which nothing is billed, with deliveries under the grants that weigh. */
  async closeIdle(period: string, ...counts: number[]): Promise<void> {
    const [year = 0, month = 0] = period.split("-").map(Number);
    this.world.nowMs = Math.max(this.world.nowMs, Date.UTC(year, month, 1));
    const logs = [{ log: LOG, from: 0, to: this.world.logState(LOG).size }];
    const nothing = { tariff: 1, logs, lines: [], held: [], total: "0" };
    const payload = { contract: this.contract, period, ...nothing, measured: this.#measured(counts) };
    await this.world.command("statement.close", payload, "bureau");
  }

  #measured(counts: readonly number[]): Payload<"statement.close">["measured"] {
    return this.weighing.map((grant, at) => ({ grant, deliveries: counts[at] ?? 0, root: "A".repeat(43) }));
  }

  async assign(...weights: string[]): Promise<void> {
    const payload = { contract: this.contract, period: PERIOD, adjustment: this.world.uuid(), kind: "assign" as const };
    await this.world.command(
      "statement.adjust",
      { ...payload, weights, quantity: "0", free: "0", amount: "0" },
      "bureau",
    );
  }

  /** Answers a dispute, and takes nothing back. */
  async dismiss(dispute: string): Promise<void> {
    const payload = { contract: this.contract, period: PERIOD, adjustment: this.world.uuid(), dispute };
    await this.world.command(
      "statement.adjust",
      { ...payload, kind: "dismiss", quantity: "0", free: "0", amount: "0" },
      "bureau",
    );
  }

  async issue(
    over: { readonly edit?: (payload: object) => object; readonly key?: Signer; readonly by?: Name } = {},
  ): Promise<FlattenedJws> {
    const closed = await this.settled();
    const [code, invoice] = [this.code(), this.world.uuid()];
    const payload = buildInvoice({
      net: NET,
      statement: closed.statement,
      contract: this.contract,
      offer: closed.offer,
      item: { resource: closed.offer.resource, title: closed.resource.title },
      invoice,
      code,
      issueDate: this.#today(),
      names: new Map([[PARTIES.bureau.id, "气象局"]]),
    });
    const jws = await this.sign("invoice", (over.edit ?? ((same) => same))(payload), over.by ?? "bureau", over.key);
    const issued = { contract: this.contract, period: PERIOD, invoice, code, digest: digestOf(jws) };
    await this.world.command("invoice.issue", issued, "bureau");
    return jws;
  }

  sign(kind: DocumentKind, payload: object, by: Name = "bureau", key?: Signer): Promise<FlattenedJws> {
    return signDocument(kind, payload, signerOf(by, key));
  }

  place(n: number): { readonly log: string; readonly index: number; readonly leaf: string } {
    const index = this.deliveries[n]!;
    const { stored } = this.world.find(LOG, index);
    return { log: LOG, index, leaf: toBase64url(openRecord(`${stored.face}\n${stored.body}`).leaf) };
  }

  async dispute(...numbers: number[]): Promise<string> {
    const dispute = this.world.uuid();
    await this.world.command(
      "statement.dispute",
      {
        contract: this.contract,
        period: PERIOD,
        dispute,
        deliveries: numbers.map((n) => this.place(n)),
        evidence: [this.world.fresh("evidence")],
      },
      "insurer",
    );
    return dispute;
  }

  async withdraw(
    dispute: string,
    n: number,
    amount: string,
    creditNote?: { code: string; digest: string },
    adjustment = this.world.uuid(),
  ) {
    const payload = {
      contract: this.contract,
      period: PERIOD,
      adjustment,
      dispute,
      kind: "withdraw" as const,
      deliveries: [this.place(n)],
      quantity: "1",
      free: "0",
      amount,
      ...(creditNote !== undefined && { creditNote }),
    };
    await this.world.command("statement.adjust", payload, "bureau");
  }

  async creditNote(dispute: string, n: number, amount: string): Promise<FlattenedJws> {
    const { statement, contract, timeZone } = await this.settled();
    const [code, adjustment] = [this.code(), this.world.uuid()];
    const { terms } = contractMonth(contract, PERIOD, timeZone).version;
    const divided = dividedFor(statement, terms.payees, BigInt(amount));
    const note = buildCreditNote({
      net: NET,
      statement,
      contract: this.contract,
      adjustment: {
        id: adjustment,
        dispute,
        quantity: "1",
        free: "0",
        ...divided,
      },
      code,
      issueDate: this.#today(),
      names: new Map(),
    });
    const jws = await this.sign("creditNote", note);
    await this.withdraw(dispute, n, amount, { code, digest: digestOf(jws) }, adjustment);
    return jws;
  }

  /** Both confirm; the second brings the voucher. */
  async settle(amount: string): Promise<FlattenedJws> {
    const payment = this.world.fresh("payment");
    const { statement } = await this.settled();
    const { invoice } = statement;
    const payload = { contract: this.contract, period: PERIOD, invoice: invoice!.id, amount, payment };
    await this.world.command("invoice.settle", payload, "insurer");
    const code = this.code();
    const input = { net: NET, statement, contract: this.contract, amount, payment, code, issueDate: this.#today() };
    const jws = await this.sign("voucher", buildVoucher(input));
    await this.world.command("invoice.settle", { ...payload, voucher: { code, digest: digestOf(jws) } }, "bureau");
    return jws;
  }

  async certify(
    over: { readonly edit?: (payload: object) => object; readonly statusIndex?: number } = {},
  ): Promise<FlattenedJws & { readonly id: string }> {
    const closed = await this.settled();
    const [code, certificate] = [this.code(), this.world.uuid()];
    const { statusIndex = 0 } = over;
    const payload = buildCertificate({
      net: NET,
      issuer: PARTIES.bureau.id,
      code,
      statusIndex,
      statusList: URLS.gw + statusListPath(PARTIES.bureau.id),
      resource: closed.offer.resource,
      registration: closed.registration,
      lineage: closed.lineage,
      attestations: [],
      contract: contractDigest(closed.contract, 1),
      deliveries: deliveriesOf(closed.statement),
      period: PERIOD,
      validFrom: instant(this.world.nowMs),
    });
    const jws = await this.sign("certificate", (over.edit ?? ((same) => same))(payload));
    const issued = { contract: this.contract, period: PERIOD, certificate, code, digest: digestOf(jws), statusIndex };
    await this.world.command("certificate.issue", issued, "bureau");
    return { ...jws, id: certificate };
  }

  async revoke(certificate: string): Promise<void> {
    await this.world.command("certificate.revoke", { contract: this.contract, period: PERIOD, certificate }, "bureau");
  }

  async file(jws: FlattenedJws, evidence?: string): Promise<string> {
    const { payload, protected: header, signature } = jws;
    return documentLine({ payload, protected: header, signature }) + (evidence ?? (await this.evidence()));
  }

  async verify(file: string, options: DocumentOptions = {}, trust?: OpenedTrust) {
    return verifyDocument(file, trust ?? (await this.world.trust()), options);
  }
}

/** A document with its payload edited and its signature left as it was. */
export function tampered(jws: FlattenedJws, edit: (payload: Record<string, unknown>) => unknown): FlattenedJws {
  const payload = structuredClone(parseDocumentText(fromBase64url(jws.payload))) as Record<string, unknown>;
  const edited = edit(payload) ?? payload;
  const { protected: header, signature } = jws;
  return { payload: toBase64url(utf8(documentText(edited))), protected: header, signature };
}

export const payloadOf = (jws: FlattenedJws) => parseDocumentText(fromBase64url(jws.payload));
