import { expect } from "chai";
import { field, thrown } from "./support.test.js";
import { SubjectCheck } from "./subjects.js";

const ID = field("id_no");
/** A tag for each quarter of two. */
const tagsOf = (identifier: string): readonly string[] => [`${identifier} 1`, `${identifier} 2`];
const check = (...subjects: string[]): SubjectCheck => new SubjectCheck(ID, subjects, tagsOf);
const bulk = new SubjectCheck(ID, "bulk", tagsOf);
const eq = (value: string | number) => ({ field: "id_no", op: "eq" as const, value: value as string });
const oneOf = (...value: string[]) => ({ field: "id_no", op: "in" as const, value });
const detailOf = (act: () => void): string => {
  const { code, field: named, detail } = thrown(act);
  return `${code} ${named ?? ""} ${detail ?? ""}`;
};
const MISMATCH = "MALFORMED subjects SUBJECT_MISMATCH";

describe("whom an access is about", () => {
  it("a query for single persons names them and nobody else", () => {
    check("ann 1").assertAsked([eq("ann")]);
    check("ann 2").assertAsked([eq("ann")]);
    check("ann 1", "bob 1").assertAsked([oneOf("bob", "ann")]);
    expect(detailOf(() => check("ann 1").assertAsked([eq("bob")]))).to.equal(MISMATCH);
    expect(detailOf(() => check("ann 1").assertAsked([oneOf("ann", "bob")]))).to.equal(MISMATCH);
    expect(detailOf(() => check("ann 1", "bob 1").assertAsked([eq("ann")]))).to.equal(MISMATCH);
  });

  it("a query that asks for no single person is for the rows to tell", () => {
    check("ann 1").assertAsked([]);
    check("ann 1").assertAsked([{ field: "city", op: "eq", value: "Chengdu" }]);
    check("ann 1").assertAsked([{ field: "id_no", op: "ge", value: "a" }]);
  });

  it("single persons are no bulk; more than an access can name are", () => {
    expect(detailOf(() => bulk.assertAsked([eq("ann")]))).to.equal(MISMATCH);
    bulk.assertAsked([{ field: "city", op: "eq", value: "Chengdu" }]);
    bulk.assertAsked([oneOf(...Array.from({ length: 65 }, (_, i) => `p${i}`))]);
    bulk.assertRow({ id_no: "anybody" });
    expect(bulk.looksAtRows).to.equal(false);
  });

  it("a row is of somebody who is named", () => {
    const both = check("ann 1", "bob 2");
    for (const id_no of ["ann", "bob", "ann"]) both.assertRow({ id_no });
    for (const row of [{ id_no: "eve" }, { id_no: null }, {}]) {
      expect(detailOf(() => both.assertRow(row))).to.equal(MISMATCH);
    }
    check("7 1").assertRow({ id_no: 7 });
  });

  it("says of nobody who it is", () => {
    const { message } = thrown(() => check("ann 1").assertRow({ id_no: "eve" }));
    expect(message).not.to.match(/eve|ann/);
  });
});
