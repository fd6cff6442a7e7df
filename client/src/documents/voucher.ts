/** Settlement voucher 清算凭证: that payer and collector have both confirmed one payment of one invoice. */
import { z } from "zod";
import {
  Currency,
  Digest,
  DocumentCode,
  Month,
  NetworkId,
  PartyId,
  QuanjiError,
  type Statement,
  Uuid,
} from "@quanji/chaincode/domain";
import { CalendarDay, Money, money } from "./ubl.js";

export const Voucher = z.strictObject({
  amount: Money,
  code: DocumentCode,
  contract: Uuid,
  currency: Currency,
  invoice: z.strictObject({ code: DocumentCode, digest: Digest, id: Uuid }),
  issued: CalendarDay,
  net: NetworkId,
  /** Who collected: the exchange, or the seller where there is none. */
  payee: PartyId,
  payer: PartyId,
  /** SHA-256 of the bank's, or the chain's, word for the payment. */
  payment: Digest,
  period: Month,
  v: z.literal("quanji.voucher.v1"),
});
export type Voucher = z.infer<typeof Voucher>;

export interface VoucherFacts {
  readonly net: string;
  readonly statement: Pick<Statement, "currency" | "period" | "buyer" | "closedBy" | "invoice">;
  readonly contract: string;
  readonly amount: string;
  readonly payment: string;
  readonly code: string;
  readonly issueDate: string;
}

/** Errors: STATE_CONFLICT: there is no invoice that could be paid. */
export function buildVoucher({ net, statement, contract, amount, payment, code, issueDate }: VoucherFacts): Voucher {
  const { currency, period, buyer, closedBy, invoice } = statement;
  if (invoice === undefined) {
    throw new QuanjiError("STATE_CONFLICT", "no invoice stands that could be settled", { field: "invoice" });
  }
  return {
    amount: money(amount, currency),
    code,
    contract,
    currency,
    invoice: { code: invoice.code, digest: invoice.digest, id: invoice.id },
    issued: issueDate,
    net,
    payee: closedBy,
    payer: buyer,
    payment,
    period,
    v: "quanji.voucher.v1",
  };
}
