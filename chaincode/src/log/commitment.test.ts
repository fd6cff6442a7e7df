import { expect } from "chai";
import fc from "fast-check";
import { toBase64url, utf8 } from "./bytes.js";
import { commit, commitLink, verifyCommitment } from "./commitment.js";
import { type HashText, hashText, sha256 } from "./hash.js";
import { expectCode } from "./support.test.js";

const salt = toBase64url(sha256(utf8("salt")));
const opening = { salt, value: { n: 2, prev: "x" } };
const context = ["019360c2-8000-7000-8000-000000000001"];

describe("log/commitment", () => {
  it("is SHA-256(04 ‖ salt ‖ canonical [context…, path, value])", () => {
    const text = `["${context[0] ?? ""}","links.grant",{"n":2,"prev":"x"}]`;
    const expected = hashText(sha256(Uint8Array.of(4), sha256(utf8("salt")), utf8(text)));
    expect(commit(context, "links.grant", opening)).to.equal(expected);
    const { n, prev } = opening.value;
    expect(commitLink(context[0]!, "links.grant", salt, { n, h: prev as HashText })).to.equal(expected);
    verifyCommitment(expected, context, "links.grant", opening);
  });

  it("45 an opening moved to another record, field, value or salt does not match", () => {
    const commitment = commit(context, "links.grant", opening);
    const other = { salt: toBase64url(sha256(utf8("other"))), value: opening.value };
    const moved: readonly (() => void)[] = [
      () => verifyCommitment(commitment, ["019360c2-8000-7000-8000-000000000002"], "links.grant", opening),
      () => verifyCommitment(commitment, context, "links.party", opening),
      () => verifyCommitment(commitment, context, "links.grant", { salt, value: { n: 3, prev: "x" } }),
      () => verifyCommitment(commitment, context, "links.grant", other),
      () => verifyCommitment(commitment, [], "links.grant", opening),
      () => verifyCommitment("", context, "links.grant", opening),
    ];
    for (const attempt of moved) expectCode(attempt, "MALFORMED", "COMMITMENT_MISMATCH");
  });

  it("context and path cannot flow into each other", () => {
    const parts = fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        const [first, second] = [a, b].map((all) => commit(all.slice(0, -1), all.at(-1) ?? "", { salt, value: 1 }));
        expect(first === second).to.equal(same);
      }),
    );
  });

  it("46 a salt that is not 32 bytes is refused", () => {
    for (const length of [0, 16, 31, 33]) {
      const short = { salt: toBase64url(new Uint8Array(length)), value: 1 };
      expectCode(() => commit(context, "a", short), "MALFORMED", "SALT_LENGTH");
    }
    expectCode(() => commit(context, "a", { salt: `${salt}=`, value: 1 }), "MALFORMED", "BASE64_INVALID");
  });
});
