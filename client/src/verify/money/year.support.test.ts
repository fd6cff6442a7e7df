/** A year of contracts on the small world's ledger: what proves its disclosure. Holds no test itself. */
import type { TrailLineOf } from "@quanji/chaincode/domain";
import { privateScope } from "@quanji/chaincode/world";
import { MSP, NET, PARTIES } from "../support.test.js";
import type { SettledMonth } from "./month.support.test.js";

/** Past the end of 2026 in the network's time zone. */
export const JANUARY = Date.parse("2027-01-02T00:00:00.000Z");

type Kind = TrailLineOf<"chain">["kind"];

export interface YearParts {
  readonly year?: number;
  readonly party?: string;
  /** Chains that are left out, by kind and id. */
  readonly without?: readonly string[];
}

/** Lines without their `end`. The contracts are of one world. */
export async function yearLines(
  months: readonly SettledMonth[],
  of: number,
  { year = of, party = PARTIES.bureau.id, without = [] }: YearParts = {},
): Promise<object[]> {
  const own = privateScope(NET, MSP);
  const chains: (readonly [scope: string, kind: Kind, id: string])[] = [
    [NET, "directory", NET],
    ...Object.values(PARTIES).map(({ id }) => [NET, "party", id] as const),
    ...months.map(({ offer }) => [own, "offer", offer] as const),
    ...months.map(({ contract }) => [own, "contract", contract] as const),
    [own, "acts", party],
    [own, "disclosures", party],
  ];
  const lines: object[] = [{ t: "year", v: "quanji.year.v1", net: NET, party, year }];
  for (const chain of chains.filter(([, kind, id]) => !without.includes(`${kind} ${id}`))) {
    lines.push(...(await months[0]!.world.chainLines(...chain)));
  }
  return lines;
}
