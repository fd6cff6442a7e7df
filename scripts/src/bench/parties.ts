/** Test ids that are valid under GB 32100-2015 and GB 11714, and belong to nobody. */
import { isSocialCreditCode } from "@quanji/chaincode/domain";

const SOCIAL_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/** `n` distinct ids: the two check characters are found by trying. */
export function partyIds(n: number): readonly string[] {
  return Array.from({ length: n }, (_, i) => withChecks(`91100000MAQJ${String(7000 + i)}`));
}

function withChecks(first16: string): string {
  for (const organisation of "0123456789X") {
    for (const check of SOCIAL_CREDIT) {
      const id = first16 + organisation + check;
      if (isSocialCreditCode(id)) return id;
    }
  }
  throw new Error("no check characters fit");
}
