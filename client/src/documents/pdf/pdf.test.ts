import { expect } from "chai";
import decodeQr from "jsqr";
import { buildInvoice } from "../index.js";
import { CODE, facts, taken } from "../sample.support.test.js";
import { invoicePdf, qrModules } from "./index.js";

const OPTIONS = {
  lookup: "https://gateway.example/documents/",
  digest: "A".repeat(43),
  kid: `91330000MAQJ004317#${"B".repeat(43)}`,
};
const invoice = () => buildInvoice({ ...facts({ adjustments: [taken()] }), paymentTerms: "三十日内" });

/** jsQR is CommonJS: its function is the module's `default`. */
const decode = decodeQr.default;

function pixels(width: number, isDark: (x: number, y: number) => boolean): Uint8ClampedArray {
  const data = new Uint8ClampedArray(width * width * 4).fill(255);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) if (isDark(x, y)) data.set([0, 0, 0, 255], (y * width + x) * 4);
  }
  return data;
}

/** Content streams of an uncompressed PDF, and what its fonts' tables say that its glyphs mean. */
function textOf(pdf: Buffer): string {
  const source = pdf.toString("latin1");
  const fonts = new Map<string, Map<string, string>>();
  const objects = new Map(
    [...source.matchAll(/(\d+) 0 obj\n([\s\S]*?)endobj/g)].map(([, id = "", body = ""]) => [id, body]),
  );
  for (const [, name = "", id = ""] of source.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
    const table = /\/ToUnicode (\d+) 0 R/.exec(objects.get(id) ?? "")?.[1] ?? "";
    const map = new Map<string, string>();
    for (const [, from = "0", , list = ""] of (objects.get(table) ?? "").matchAll(
      /<([0-9a-f]{4})> <([0-9a-f]{4})> \[([^\]]*)\]/g,
    )) {
      [...list.matchAll(/<([0-9a-f ]+)>/g)].forEach(([, hex = ""], at) => {
        const units = hex.split(" ").map((unit) => parseInt(unit, 16));
        map.set((parseInt(from, 16) + at).toString(16).padStart(4, "0"), String.fromCharCode(...units));
      });
    }
    fonts.set(name, map);
  }
  let text = "";
  let font: Map<string, string> | undefined;
  for (const [, name, hex] of source.matchAll(/\/(F\d+) [\d.]+ Tf|<([0-9a-f]+)>(?=[^\]]*\] TJ)/g)) {
    if (name !== undefined) font = fonts.get(name);
    else text += (hex?.match(/.{4}/g) ?? []).map((glyph) => font?.get(glyph) ?? "?").join("");
  }
  return text;
}

describe("an invoice on paper", () => {
  it("is the same bytes each time, and no larger than an embedded subset has to be", async () => {
    const first = await invoicePdf(invoice(), OPTIONS);
    expect(first.equals(await invoicePdf(invoice(), OPTIONS))).to.equal(true);
    expect(first.subarray(0, 5).toString()).to.equal("%PDF-");
    expect(first.length).to.be.lessThan(200_000);
  });

  it("says in text what it shows, Chinese included, with the invoice's own figures", async () => {
    const text = textOf(await invoicePdf(invoice(), { ...OPTIONS, compress: false }));
    for (const said of [
      "数据发票",
      "德清车联网科技有限公司",
      "62988.46",
      "44399.60",
      "1288.88",
      "三十日内",
      "不作纳税凭证",
      OPTIONS.digest,
    ]) {
      expect(text, said).to.include(said);
    }
    expect(text).not.to.include("?");
  });

  it("has a QR code that reads as the look-up's address", async () => {
    const source = (await invoicePdf(invoice(), { ...OPTIONS, compress: false })).toString("latin1");
    const boxes = [
      ...source.matchAll(/([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re\n(?:\/DeviceRGB cs\n)?([\d.]+) [\d.]+ [\d.]+ scn\nf/g),
    ]
      .map((found) => found.slice(1).map(Number))
      .filter(([, , width, height, red]) => red === 0 && width === height);
    expect(boxes.length).to.be.greaterThan(200);
    const unit = boxes[0]?.[2] ?? 1;
    const [left, top] = [Math.min(...boxes.map(([x = 0]) => x)), Math.min(...boxes.map(([, y = 0]) => y))];
    const dark = new Set(
      boxes.map(([x = 0, y = 0]) => `${Math.round((x - left) / unit)},${Math.round((y - top) / unit)}`),
    );
    const size = Math.round((Math.max(...boxes.map(([x = 0]) => x)) - left) / unit) + 1;
    const width = (size + 8) * 4;
    const image = pixels(width, (x, y) => dark.has(`${Math.floor(x / 4) - 4},${Math.floor(y / 4) - 4}`));
    expect(decode(image, width, width)?.data).to.equal(`${OPTIONS.lookup}${CODE}`);
  });

  it("draws a sign for a character that no font has", async () => {
    const odd = buildInvoice({ ...facts(), names: new Map([["91330521MAQJ00415Q", "公司\u{2A6D6}"]]) });
    expect(textOf(await invoicePdf(odd, { ...OPTIONS, compress: false }))).to.include("公司〓");
  });
});

describe("a QR code", () => {
  it("of any address of ours is read back", () => {
    for (const text of [
      "https://g.example/documents/0123456789ABCDEFGHJKMNPQRS",
      "http://127.0.0.1:8080/documents/ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
    ]) {
      const modules = qrModules(text);
      const width = (modules.length + 8) * 4;
      const image = pixels(width, (x, y) => modules[Math.floor(y / 4) - 4]?.[Math.floor(x / 4) - 4] ?? false);
      expect(decode(image, width, width)?.data).to.equal(text);
    }
  });
});
