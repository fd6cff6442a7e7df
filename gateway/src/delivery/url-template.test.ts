import { expect } from "chai";
import fc from "fast-check";
import type { AccessTerms } from "./query.js";
import { plan, thrown } from "./support.test.js";
import { UrlTemplate } from "./url-template.js";

const expand = (text: string, query: unknown = {}, overrides: Partial<AccessTerms> = {}) =>
  new UrlTemplate(text).expand(plan(query, overrides));
const requested = ["date", "station"];
const range = { from: "2026-01-01", to: "2026-02-01" };
const station = { field: "station", op: "eq", value: "S1" };

describe("url template", () => {
  it("fills what the access brings and leaves out the rest", () => {
    const text =
      "https://api.example/days?v=1&from={from}&to={to}&only={fields}&st={eq.station}&max={limit}&skip={after}";
    const full = expand(text, { where: [station], limit: 7, after: 2 }, { requested, range });
    expect(full.url).to.equal(
      "https://api.example/days?v=1&from=2026-01-01&to=2026-02-01&only=date%2Cstation&st=S1&max=7&skip=2",
    );
    expect(full.remaining).to.deep.equal({ after: 0 });
    expect(expand(text, {}, { requested: ["station"] }).url).to.equal(
      "https://api.example/days?v=1&only=station&skip=0",
    );
    expect(expand("https://api.example").url).to.equal("https://api.example/");
  });

  it("asks for the range's field too, for the answer is checked again", () => {
    expect(expand("https://a.example/?f={fields}", {}, { requested: ["station"], range }).url).to.contain(
      "f=station%2Cdate",
    );
  });

  it("writes conditions as JSON, and fields under the source's own names", () => {
    const template = new UrlTemplate("https://a.example/?q={where}&f={fields}", { station: "STATION ID" });
    const url = new URL(template.expand(plan({ where: [station] }, { requested })).url);
    expect(JSON.parse(url.searchParams.get("q") ?? "")).to.deep.equal([{ ...station, field: "STATION ID" }]);
    expect(url.searchParams.get("f")).to.equal("date,STATION ID");
  });

  it("lets a source count rows only if it filters by everything", () => {
    const text = "https://a.example/?st={eq.station}&from={from}&to={to}&max={limit}&skip={after}";
    const page = { limit: 5, after: 10 };
    const unmapped = expand(
      text,
      { where: [station, { field: "date", op: "ge", value: "2026-01-05" }], ...page },
      { range },
    );
    expect(unmapped).to.deep.equal({
      url: "https://a.example/?st=S1&from=2026-01-01&to=2026-02-01",
      remaining: { after: 10 },
    });
    const twice = expand(text, { where: [station, station], ...page });
    expect(twice).to.deep.equal({ url: "https://a.example/", remaining: { after: 10 } });
    expect(expand("https://a.example/?max={limit}&from={from}", page, { range }).url).to.equal(
      "https://a.example/?from=2026-01-01",
    );
    expect(expand("https://a.example/?max={limit}", page)).to.deep.equal({
      url: "https://a.example/",
      remaining: { after: 10 },
    });
    expect(expand("https://a.example/?max={limit}", { limit: 5 }).url).to.equal("https://a.example/?max=5");
  });

  it("sends no list that commas cannot separate", () => {
    const list = (...value: string[]) =>
      expand("https://a.example/?s={in.station}", { where: [{ field: "station", op: "in", value }] }).url;
    expect(list("a", "b")).to.equal("https://a.example/?s=a%2Cb");
    expect(list("a,b", "c")).to.equal("https://a.example/");
  });

  it("a value cannot leave its place: it adds no parameter, no segment, no host", () => {
    const template = new UrlTemplate("https://a.example/days/{eq.station}/all?st={eq.station}&k=v");
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (value) => {
        fc.pre(value.isWellFormed() && value !== "." && value !== "..");
        const url = new URL(template.expand(plan({ where: [{ ...station, value }] })).url);
        expect(url.host).to.equal("a.example");
        expect(url.pathname.split("/").map(decodeURIComponent)).to.deep.equal(["", "days", value, "all"]);
        expect([...url.searchParams.keys()]).to.deep.equal(["st", "k"]);
        expect(new URLSearchParams(url.search.replaceAll("+", "%2B")).get("st")).to.equal(value);
      }),
    );
  });

  it("path traversal at the source is refused", () => {
    for (const value of [".", "..", ""]) {
      const act = () => expand("https://a.example/people/{eq.station}", { where: [{ ...station, value }] });
      expect(thrown(act).code, value).to.equal("MALFORMED");
    }
    expect(expand("https://a.example/{eq.station}", { where: [{ ...station, value: "../../admin" }] }).url).to.equal(
      "https://a.example/..%2F..%2Fadmin",
    );
  });

  it("says what an access lacks for the path", () => {
    const error = thrown(() => expand("https://a.example/people/{eq.station}"));
    expect([error.code, error.field]).to.deep.equal(["MALFORMED", "query"]);
    expect(error.message).to.contain("eq on station");
  });

  for (const text of [
    "ftp://a.example/",
    "file:///etc/passwd",
    "https://",
    "https://{eq.host}/",
    "https://a.example{eq.x}/",
    "https://user:pw@a.example/",
    "https://a.example/#x",
    "https://a.example/{fields}",
    "https://a.example/{limit}",
    "https://a.example/?x={unknown}",
    "https://a.example/?x={eq.__proto__}",
    "https://a.example/?x={env.TOKEN}",
    "https://a.example/?x={from",
    "https://a.example/?x=from}",
    "https://a.example/?{from}",
    "https://a.example/?{from}=x",
    "https://a.example\\@b.example/",
    "https://a.example/ x",
    "https://a:99999/",
    "javascript:alert(1)",
    "",
  ]) {
    it(`refuses the template ${JSON.stringify(text)}`, () => {
      const error = thrown(() => new UrlTemplate(text));
      expect([error.code, error.field]).to.deep.equal(["CONFIG_INVALID", "url"]);
    });
  }
});
