import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256, toBase64url, utf8 } from "@quanji/chaincode/log";
import { generateKey, openSigner, readKeyFile } from "../sdk/index.js";
import { FakeGateway, GRANT, LOG, NET, RESOURCE, trustFile } from "../sdk/fake-gateway.test.js";
import { openTrust } from "../verify/index.js";
import { expect } from "chai";
import { Desk } from "./io.test.js";

const BANK = "91440300MAQJ0001XF";

const COMMANDS = [
  "keys new",
  "keys show",
  "trust fetch",
  "trust show",
  "send",
  "sign",
  "wallet key",
  "wallet prepare",
  "wallet send",
  "party register",
  "party admit",
  "party rotate-key",
  "resource register",
  "resource suspend",
  "resource resume",
  ...[
    "request",
    "offer",
    "accept",
    "derive",
    "approve",
    "refuse",
    "withdraw",
    "suspend",
    "resume",
    "revoke",
    "allot",
  ].map((verb) => `grant ${verb}`),
  "attest",
  "attestation withdraw",
  "attestation show",
  "price cap",
  "price show",
  "offer list",
  "offer delist",
  "offer show",
  "tariff publish",
  ...["sign", "terminate", "show", "ls"].map((verb) => `contract ${verb}`),
  "boundary publish",
  "order freeze",
  "order lift",
  "source add",
  "fsck",
  "ls",
  "show",
  "status",
  "inbox",
  "access",
  "proxy",
  "receipt get",
  "trail get",
  "seq",
  "export",
  "verify",
  "evidence",
  "sample plan",
  "sample draw",
  "sample verify",
];

describe("quanji", () => {
  let desk: Desk;
  beforeEach(async () => {
    desk = await Desk.open();
  });
  afterEach(() => desk.close());

  describe("help", () => {
    for (const command of COMMANDS) {
      it(`quanji ${command} --help has an example`, async () => {
        const { exitCode, out, err } = await desk.run([...command.split(" "), "--help"]);
        expect([exitCode, err]).to.deep.equal([0, ""]);
        expect(out).to.match(new RegExp(`^Usage: quanji ${command}\\b`));
        expect(out).to.match(new RegExp(`Examples:\\n {2}quanji ${command}\\b`));
      });
    }

    it("speaks Chinese if asked to, by flag, variable or the machine's language", async () => {
      expect((await desk.run(["--lang", "zh", "grant", "--help"])).out).to.match(/^用法：/);
      desk.env["QUANJI_LANG"] = "zh";
      expect((await desk.run(["grant", "--help"])).out).to.match(/^用法：/);
      desk.env = { ...desk.env, QUANJI_LANG: "en", LANG: "zh_CN.UTF-8" };
      expect((await desk.run(["grant", "--help"])).out).to.match(/^Usage:/);
    });
  });

  describe("usage errors", () => {
    for (const argv of [
      [],
      ["nonsense"],
      ["grant"],
      ["grant", "request"],
      ["access", RESOURCE, "--nonsense"],
      ["access", RESOURCE, "--quantity", "many"],
      ["keys", "new"],
      ["keys", "new", "--out", "k.jwk", "--alg", "RS256"],
      ["grant", "approve", GRANT],
      ["grant", "allot", GRANT],
      ["send", "party.invent", "x.json"],
      ["verify", "x.receipt.json"],
      ["ls", "everything"],
      ["source", "add", RESOURCE, "--steward", BANK],
    ]) {
      it(`quanji ${argv.join(" ")}: exit code 2, nothing on standard output`, async () => {
        const { exitCode, out, err } = await desk.run(argv);
        expect([exitCode, out]).to.deep.equal([2, ""]);
        expect(err).to.not.equal("");
      });
    }

    it("with --json: one object that says so", async () => {
      expect((await desk.run(["grant", "approve", GRANT, "--json"])).json).to.include({ ok: false, code: "USAGE" });
      expect((await desk.run(["access", "--json"])).json).to.include({ ok: false, code: "USAGE" });
    });
  });

  describe("keys", () => {
    it("new writes a private file, show tells its public half, and a second new does not overwrite it", async () => {
      const made = await desk.run(["keys", "new", "--out", "bank.jwk", "--alg", "ES256", "--json"]);
      expect(made.exitCode).to.equal(0);
      expect((await stat(desk.path("bank.jwk"))).mode & 0o777).to.equal(0o600);
      const shown = await desk.run(["keys", "show", "bank.jwk", "--json"]);
      expect(shown.json).to.include({ alg: "ES256", thumbprint: made.json["thumbprint"], encrypted: false });
      expect(shown.out).to.not.include((await readKeyFile(desk.path("bank.jwk"))).jwk.d);
      expect((await desk.run(["keys", "new", "--out", "bank.jwk"])).exitCode).to.equal(2);
    });

    it("under a passphrase are of no use without it", async () => {
      desk.env["SECRET"] = "correct horse";
      await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK, "--passphrase-env", "SECRET"]);
      expect((await desk.run(["keys", "show", "bank.jwk", "--json"])).json).to.include({ encrypted: true });
      const refused = await desk.run(["inbox", "--key", "bank.jwk", "--json"]);
      expect([refused.exitCode, refused.json["code"]]).to.deep.equal([2, "CONFIG_INVALID"]);
      desk.env["QUANJI_PASSPHRASE"] = "correct horse";
      expect((await desk.run(["keys", "show", "bank.jwk", "--json"])).json).to.have.property("jwk");
    });
  });

  it("a gateway that is not there: exit code 3, code, sentence and what to do next, in both languages", async () => {
    await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK]);
    const argv = ["inbox", "--key", "bank.jwk", "--gateway", "http://127.0.0.1:1"];
    const fetch = () => Promise.reject(new TypeError("fetch failed"));
    const english = await desk.run(argv, { fetch });
    expect([english.exitCode, english.out]).to.deep.equal([3, ""]);
    expect(english.err).to.match(/^UNREACHABLE · CONNECTION: .+\nnext: .+--gateway/);
    const chinese = await desk.run([...argv, "--lang", "zh"], { fetch });
    expect(chinese.err).to.match(/^UNREACHABLE · CONNECTION: 无法连接网关.+\n下一步： .+--gateway/);
  });

  describe("with a gateway", () => {
    let gateway: FakeGateway;
    beforeEach(async () => {
      gateway = await FakeGateway.start();
      desk.env["QUANJI_GATEWAY"] = gateway.address;
      desk.env["QUANJI_KEY"] = "bank.jwk";
      await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK]);
      gateway.answer(`/v1/parties/${BANK}`, { id: BANK, jurisdiction: "CN", roles: ["user"], state: "active" });
      gateway.answer("/v1/grants", { items: [GRANT_VIEW] });
      gateway.answer(`/v1/grants/${GRANT}`, GRANT_VIEW);
      gateway.answer(`/v1/resources/${RESOURCE}`, RESOURCE_VIEW);
    });
    afterEach(() => gateway.close());

    const GRANT_VIEW = {
      id: GRANT,
      state: "active",
      resource: `${RESOURCE}@1`,
      grantor: "urn:quanji:bureau",
      grantee: BANK,
      ancestors: [],
      depth: 0,
      logs: [LOG],
      epoch: 1,
      steps: [],
      at: { time: "2026-01-01T00:00:00.000Z", tx: "" },
      terms: { purposes: ["insurance.pricing"], fields: ["day", "rain"], actions: ["query"] },
    };
    const RESOURCE_VIEW = {
      id: RESOURCE,
      version: 1,
      logs: [LOG],
      fields: [
        { name: "day", type: "date" },
        { name: "rain", type: "number" },
      ],
      rights: [{ kind: "operating", holder: "urn:quanji:bureau" }],
      basis: { law: "Meteorology Law" },
    };

    it("party register makes the key file say whose key it is, and tells what to do next", async () => {
      await desk.run(["keys", "new", "--out", "new.jwk"]);
      const { exitCode, err, out } = await desk.run([
        ...["party", "register", "--key", "new.jwk", "--party", BANK, "--name", "Bank 银行", "--head", "Li Lei"],
      ]);
      expect([exitCode, out.split("\n")[0]]).to.deep.equal([0, `party    ${BANK}`]);
      expect(err).to.include(`quanji party admit ${BANK}`);
      expect((await readKeyFile(desk.path("new.jwk"))).party).to.equal(BANK);
      const [call] = gateway.callsOf("party.register");
      expect(call?.parsed.payload).to.include({ party: BANK, kind: "org", home: "HolderMSP", name: "Bank 银行" });
      expect(call?.openings).to.have.nested.property("responsibleHead.value.name", "Li Lei");
    });

    it("resource register fills in what follows from the fields and the signer", async () => {
      const fields = "date:date,name:string:general-3,rain:number";
      const { exitCode } = await desk.run([
        "resource",
        "register",
        RESOURCE,
        "--fields",
        fields,
        "--law",
        "L",
        "--head",
        "H",
      ]);
      expect(exitCode).to.equal(0);
      const payload = gateway.callsOf("resource.register")[0]?.parsed.payload;
      expect(payload).to.deep.include({
        steward: BANK,
        servedBy: "HolderMSP",
        logs: [LOG],
        class: "weather.daily",
        rangeField: "date",
        grade: { standard: "GB/T 43697-2024", level: "general-3" },
        basis: { law: "L", duty: RESOURCE },
      });
    });

    it("resource register --parent makes a product of it, and says how one is written", async () => {
      const register = ["resource", "register", "prd/rain.index", "--fields", "index:integer"];
      const [one, two] = [`${RESOURCE}@1=${GRANT}`, `res/soil@3=${GRANT}`];
      expect((await desk.run([...register, "--parent", one, "--parent", two])).exitCode).to.equal(0);
      expect(gateway.callsOf("resource.register")[0]?.parsed.payload).to.deep.include({
        kind: "product",
        lineage: [
          { resource: `${RESOURCE}@1`, grant: GRANT },
          { resource: "res/soil@3", grant: GRANT },
        ],
      });
      expect((await desk.run([...register, "--parent", one, "--kind", "output"])).exitCode).to.equal(0);
      expect(gateway.callsOf("resource.register")[1]?.parsed.payload).to.include({ kind: "output" });
    });

    it("grant request fills resource version, grantor, route, log and terms from the resource", async () => {
      const { exitCode, json } = await desk.run([
        ...[
          "grant",
          "request",
          RESOURCE,
          "--purpose",
          "insurance.pricing",
          "--quota",
          "10/P1D/row",
          "--round",
          "rain:0.5",
        ],
        ...["--mask", "day:4,0", "--json"],
      ]);
      expect(exitCode).to.equal(0);
      const payload = gateway.callsOf("grant.request")[0]?.parsed.payload as Record<string, unknown>;
      expect(payload).to.deep.include({
        grant: json["grant"],
        resource: `${RESOURCE}@1`,
        grantor: "urn:quanji:bureau",
        right: "operating",
        route: [["urn:quanji:bureau"]],
        logs: [LOG],
        depth: 0,
      });
      expect(payload["terms"]).to.deep.include({
        actions: ["query"],
        purposes: ["insurance.pricing"],
        fields: ["day", "rain"],
        environments: ["api"],
        jurisdictions: ["CN"],
        lawfulBasis: "Meteorology Law",
        quota: { n: 10, per: "P1D", unit: "row" },
        obligations: [
          { op: "mask", field: "day", arg: "4,0" },
          { op: "round", field: "rain", arg: "0.5" },
        ],
      });
    });

    it("grant allot names logs by number, and refuses one that the grant does not have", async () => {
      gateway.answer(`/v1/grants/${GRANT}`, { ...GRANT_VIEW, logs: [LOG, `${NET}/gw/1`] });
      const shares = ["--share", "0=600", "--share", `${NET}/gw/1=400`];
      const { exitCode, json } = await desk.run(["grant", "allot", GRANT, ...shares, "--json"]);
      expect(exitCode).to.equal(0);
      expect(json["shares"]).to.deep.equal([`${LOG}=600`, `${NET}/gw/1=400`]);
      expect(gateway.callsOf("grant.allot")[0]?.parsed.payload).to.deep.include({
        grant: GRANT,
        allotted: [
          { log: LOG, n: 600 },
          { log: `${NET}/gw/1`, n: 400 },
        ],
      });
      expect((await desk.run(["grant", "allot", GRANT, "--share", "7=1"])).exitCode).to.equal(2);
      expect((await desk.run(["grant", "allot", GRANT, "--share", "0=many"])).exitCode).to.equal(2);
    });

    describe("the market", () => {
      const OFFER = "1b0f2c52-6d0e-4a4e-9b0a-1c2d3e4f5a6b";
      const CONTRACT = "2b0f2c52-6d0e-4a4e-9b0a-1c2d3e4f5a6b";
      const TARIFF = {
        unit: "call",
        currency: "CNY",
        tiers: [{ amount: "37", per: 1 }],
        from: "2026-01-01T00:00:00.000Z",
      };
      const TERMS = {
        offer: OFFER,
        seller: "urn:quanji:bureau",
        buyer: BANK,
        grant: GRANT,
        until: "2027-01-01T00:00:00.000Z",
        payees: { shares: [{ weight: 1, to: "urn:quanji:bureau" }] },
        disputeDays: 10,
        counterparts: [],
      };
      const sent = (verb: string): unknown => gateway.callsOf(verb)[0]?.parsed.payload;
      const file = (name: string, content: object): Promise<void> =>
        writeFile(join(desk.folder, name), JSON.stringify(content));

      it("attest publishes the report's digest alone, and commits to the findings", async () => {
        await writeFile(join(desk.folder, "report.pdf"), "all is well");
        const flags = ["--kind", "deidentification", "--level", "general-1", "--report", "report.pdf"];
        const argv = ["attest", "prd/route.eta@1", ...flags, "--findings", "k is 7", "--json"];
        const { exitCode, json } = await desk.run(argv);
        expect(exitCode).to.equal(0);
        const digest = toBase64url(sha256(utf8("all is well")));
        expect(sent("attest")).to.deep.include({ subject: "prd/route.eta@1", level: "general-1", report: digest });
        expect(sent("attest")).to.include({ attestation: json["attestation"] });
        expect(JSON.stringify(sent("attest"))).to.not.include("k is 7");
      });

      it("price cap is the next version, in ten seconds if nothing is said", async () => {
        gateway.answer(`/v1/caps/${RESOURCE}`, { id: RESOURCE, version: 2, versions: [] });
        const { exitCode } = await desk.run(["price", "cap", RESOURCE, "--amount", "130000"]);
        expect(exitCode).to.equal(0);
        expect(sent("price.cap")).to.include({ version: 3, unit: "call", currency: "CNY", amount: "130000" });
      });

      it("offer list names the newest version, tariff publish the month in the network's time zone", async () => {
        await file("tariff.json", TARIFF);
        const argv = ["offer", "list", RESOURCE, "--tariff", "tariff.json", "--purpose", "navigation"];
        expect((await desk.run(argv)).exitCode).to.equal(0);
        expect(sent("offer.list")).to.deep.include({ resource: `${RESOURCE}@1`, tariff: TARIFF, attestations: [] });
        const { from: _from, ...undated } = TARIFF;
        await file("undated.json", undated);
        const now = [...argv.slice(0, 4), "undated.json", ...argv.slice(5)];
        const clock = () => Date.parse("2026-03-02T01:00:00.000Z");
        expect((await desk.run(now, { clock })).exitCode).to.equal(0);
        const dated = { tariff: { ...TARIFF, from: "2026-03-02T01:00:00.000Z" } };
        expect(gateway.callsOf("offer.list")[1]?.parsed.payload).to.deep.include(dated);
        gateway.answer(`/v1/offers/${OFFER}`, { id: OFFER, tariffs: [{ version: 1, tariff: TARIFF }] });
        const published = await desk.run(["tariff", "publish", OFFER, "tariff.json", "--from", "2026-04"]);
        expect(published.exitCode).to.equal(0);
        const tariff = { ...TARIFF, from: "2026-03-31T16:00:00.000Z" };
        expect(sent("tariff.publish")).to.deep.include({ offer: OFFER, version: 2, tariff });
        expect((await desk.run(["offer", "delist", OFFER])).exitCode).to.equal(0);
      });

      it("contract sign signs what was proposed, word for word, and says who has still to sign", async () => {
        const signatures = [{ party: "urn:quanji:bureau", request: "x", time: TERMS.until }];
        const open = { id: CONTRACT, state: "draft", versions: [{ version: 1, terms: TERMS, signatures }] };
        gateway.answer(`/v1/contracts/${CONTRACT}`, open);
        expect((await desk.run(["contract", "sign", CONTRACT, "--contract-version", "2"])).exitCode).to.equal(1);
        expect(gateway.callsOf("contract.sign")).to.have.lengthOf(0);
        const { exitCode, err } = await desk.run(["contract", "sign", CONTRACT, "--contract-version", "1"]);
        expect(exitCode).to.equal(0);
        expect(err).to.include(`next: ${BANK} sign: quanji contract sign ${CONTRACT}`);
        expect(sent("contract.sign")).to.deep.include({ contract: CONTRACT, version: 1, terms: TERMS });
        gateway.answer("/v1/contracts", { items: [open] });
        expect((await desk.run(["contract", "ls"])).out).to.include(`unsigned  ${BANK}`);
        expect((await desk.run(["contract", "show", CONTRACT])).out).to.include(OFFER);
        expect((await desk.run(["contract", "terminate", CONTRACT])).exitCode).to.equal(0);
      });

      it("ls derived tells an owner who uses what is made from its data", async () => {
        const users = [{ grantee: "urn:quanji:rsvc", grant: GRANT, state: "active" }];
        const product = { resource: "prd/route.eta", title: "ETA", steward: BANK, parents: [`${RESOURCE}@1`], users };
        gateway.answer(`/v1/resources/${RESOURCE}/derived`, { items: [product] });
        const { out } = await desk.run(["ls", "derived", RESOURCE]);
        expect(out).to.include("prd/route.eta").and.to.include("urn:quanji:rsvc");
      });
    });

    it("grant request shares a quota out among the resource's logs", async () => {
      const argv = ["grant", "request", RESOURCE, "--purpose", "insurance.pricing", "--share", "0=4"];
      expect((await desk.run(argv)).exitCode).to.equal(2);
      expect((await desk.run([...argv, "--quota", "10/P1D"])).exitCode).to.equal(0);
      const { terms } = gateway.callsOf("grant.request")[0]?.parsed.payload as { terms: { quota: unknown } };
      expect(terms.quota).to.deep.equal({ n: 10, per: "P1D", unit: "call", allotted: [{ log: LOG, n: 4 }] });
    });

    it("access shows rows, keeps the receipt, and needs neither grant, purpose nor fields to be typed", async () => {
      const { exitCode, out, err } = await desk.run([
        "access",
        RESOURCE,
        "--quantity",
        "2",
        "--receipt",
        "use.receipt.json",
      ]);
      expect([exitCode, out]).to.deep.equal([0, gateway.data]);
      const [call] = gateway.callsOf("access");
      expect(call?.parsed.payload).to.deep.include({
        grant: GRANT,
        purpose: "insurance.pricing",
        fields: ["day", "rain"],
        seq: 0,
      });
      expect(call?.openings).to.have.nested.property("query.value.limit", 2);
      expect(err).to.include(call?.parsed.request);
      expect(JSON.parse(await readFile(desk.path("use.receipt.json"), "utf8"))).to.have.keys(
        "payload",
        "protected",
        "signature",
      );
      expect(await readdir(desk.path("config/seq"))).to.have.length(1);
    });

    it("access --json is one object; --out writes the data to a file", async () => {
      expect((await desk.run(["access", RESOURCE, "--json"])).json["rows"]).to.have.length(2);
      const { json } = await desk.run(["access", RESOURCE, "--out", "data.ndjson", "--json"]);
      expect(json).to.include({ bytes: gateway.data.length, decision: "permit" });
      expect(await readFile(desk.path("data.ndjson"), "utf8")).to.equal(gateway.data);
    });

    it("a denial: exit code 1, the rule, the request, and the receipt is kept all the same", async () => {
      gateway.rule = "QUOTA_EXCEEDED";
      const denied = await desk.run(["access", RESOURCE, "--receipt", "no.receipt.json", "--json"]);
      expect(denied.exitCode).to.equal(1);
      expect(denied.json).to.include({
        ok: false,
        code: "QUOTA_EXCEEDED",
        request: gateway.callsOf("access")[0]?.parsed.request,
      });
      expect(denied.json["next"]).to.be.a("string").and.not.equal("");
      await stat(desk.path("no.receipt.json"));
    });

    it("an answer that is not ours: exit code 1 and ANSWER_MISMATCH", async () => {
      gateway.script("grant.approve", (_call, response) => gateway.send(response, "A".repeat(43), 200, {}));
      expect((await desk.run(["grant", "approve", GRANT, "--json"])).json).to.include({ code: "ANSWER_MISMATCH" });
    });

    it("send takes any command from standard input, with what it commits to", async () => {
      desk.typed = `{"party":"${BANK}"}`;
      await writeFile(desk.path("openings.json"), '{"ground":{"value":"case 12"}}');
      const { exitCode } = await desk.run(["send", "party.suspend", "-", "--openings", "openings.json"]);
      expect(exitCode).to.equal(0);
      expect(gateway.callsOf("party.suspend")[0]?.openings).to.have.nested.property("ground.value", "case 12");
    });

    it("retention says how much it would erase and asks; no answer but yes erases, and without a terminal only --yes", async () => {
      const one = { log: LOG, index: 4, id: GRANT, time: "2026-01-01T00:00:00.000Z", fields: ["operator", "query"] };
      gateway.answer(`/v1/openings/${RESOURCE}`, { items: [one] });
      const argv = ["retention", RESOURCE, "--days", "0"];
      const asked: string[] = [];
      const answering = (answer: string) => ({
        ask: (question: string) => {
          asked.push(question);
          return Promise.resolve(answer);
        },
      });
      const no = await desk.run(argv, answering("y"));
      expect([no.exitCode, no.err.includes("nothing was erased")]).to.deep.equal([2, true]);
      const nobody = await desk.run(argv);
      expect([nobody.exitCode, nobody.err.includes("--yes")]).to.deep.equal([2, true]);
      expect(gateway.callsOf("record.erase")).to.deep.equal([]);
      expect((await desk.run(argv, answering(" yes\n"))).exitCode).to.equal(0);
      expect(asked).to.have.length(2);
      expect(asked[0]).to.include("records: 1, fields: 2").and.include(RESOURCE);
      expect((await desk.run([...argv, "--yes"], answering("no"))).exitCode).to.equal(0);
      expect((await desk.run([...argv, "--dry-run"])).exitCode).to.equal(0);
      expect([asked.length, gateway.callsOf("record.erase").length]).to.deep.equal([2, 2]);
      gateway.answer(`/v1/openings/${RESOURCE}`, { items: [] });
      expect((await desk.run(argv)).exitCode).to.equal(0);
      expect(gateway.callsOf("record.erase")).to.have.length(2);
    });

    it("sign prints what would be sent, and sends nothing", async () => {
      desk.typed = `{"grant":"${GRANT}"}`;
      const { out } = await desk.run(["sign", "grant.approve", "-"]);
      expect(JSON.parse(out)).to.have.keys("payload", "protected", "signature");
      expect(gateway.calls).to.deep.equal([]);
    });

    it("inbox and ls are tables, with what a terminal would obey made harmless", async () => {
      const step = { stage: 1, party: BANK, kind: "approve" };
      gateway.answer("/v1/grants", {
        items: [{ ...GRANT_VIEW, state: "pending", grantee: "x\u001b[2Jy", steps: [step] }],
      });
      const { out } = await desk.run(["inbox"]);
      expect(out).to.match(/^grant +decide +resource +grantee +purposes\n/);
      expect(out).to.include("x·[2Jy");
      expect((await desk.run(["ls", "grants", "--filter", "state=active", "--json"])).json).to.deep.equal({
        items: [],
      });
      expect((await desk.run(["ls", "logs"])).out).to.include(LOG);
    });

    it("trail get leaves no file behind if the trail breaks off", async () => {
      const header = `{"key":{"id":"${GRANT}","kind":"grant"},"t":"trail"}\n`;
      gateway.script("read", (_call, response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" }).end(header);
      });
      const { exitCode } = await desk.run(["trail", "get", "grant", GRANT, "--out", "g.trail.ndjson"]);
      expect(exitCode).to.equal(3);
      expect((await readdir(desk.folder)).filter((name) => name.includes("trail"))).to.deep.equal([]);
    });

    it("party rotate-key registers the new key with its proof, and the new file says whose it is", async () => {
      await desk.run(["keys", "new", "--out", "next.jwk"]);
      const { exitCode } = await desk.run(["party", "rotate-key", "--new", "next.jwk", "--retire"]);
      expect(exitCode).to.equal(0);
      const next = await readKeyFile(desk.path("next.jwk"));
      const present = await openSigner({ ...(await readKeyFile(desk.path("bank.jwk"))), party: BANK });
      expect(next.party).to.equal(BANK);
      expect(gateway.callsOf("party.rotateKey")[0]?.parsed.payload["retire"]).to.equal(present.kid.split("#")[1]);
    });

    it("seq tells the next number and voids a given one", async () => {
      const { json } = await desk.run(["seq", "--void", "4", "--json"]);
      expect(json).to.deep.include({ log: LOG, voided: [4] });
      expect(gateway.callsOf("access.void")[0]?.parsed.payload).to.include({ seq: 4 });
    });
  });

  describe("verify", () => {
    it("what is no evidence: exit code 1, with code and reason, for people and for programs", async () => {
      const key = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      await writeFile(desk.path("trust.json"), await trustFile(key));
      await writeFile(desk.path("x.receipt.json"), "{}");
      await writeFile(desk.path("x.trail.ndjson"), '{"t":"trail"}\n{"t":"end"}\n');
      for (const file of ["x.receipt.json", "x.trail.ndjson"]) {
        const shown = await desk.run(["verify", file, "--trust", "trust.json"]);
        expect([shown.exitCode, shown.out.split("  ")[0]]).to.deep.equal([1, "INVALID"]);
        const { exitCode, json } = await desk.run(["verify", file, "--trust", "trust.json", "--json"]);
        expect([exitCode, json["ok"], json["kind"]]).to.deep.equal([
          1,
          false,
          file.includes("trail") ? "trail" : "receipt",
        ]);
      }
      const both = await desk.run(["verify", "x.receipt.json", "x.trail.ndjson", "--trust", "trust.json", "--json"]);
      expect([both.exitCode, both.json["ok"], (both.json["verdicts"] as object[]).length]).to.deep.equal([1, false, 2]);
    });

    it("a file that is not there: exit code 2", async () => {
      const key = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      await writeFile(desk.path("trust.json"), await trustFile(key));
      expect((await desk.run(["verify", "none.json", "--trust", "trust.json"])).exitCode).to.equal(2);
    });
  });

  describe("trust fetch", () => {
    const fetching = (text: string) => ({ fetch: () => Promise.resolve(new Response(text)) });

    it("stores nothing before the digest is given or confirmed", async () => {
      const text = await trustFile(await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" }));
      const argv = ["trust", "fetch", "http://127.0.0.1:8080"];
      const asked = await desk.run(argv, fetching(text));
      const digest = /digest is ([A-Za-z0-9_-]{43})/.exec(asked.err)?.[1] ?? "";
      expect(asked.exitCode).to.equal(2);
      const no = await desk.run(argv, { ...fetching(text), ask: () => Promise.resolve("no") });
      const wrong = await desk.run([...argv, "--digest", "A".repeat(43)], fetching(text));
      expect([no.exitCode, wrong.exitCode]).to.deep.equal([1, 1]);
      expect(await readdir(desk.folder)).to.deep.equal([]);
      const right = await desk.run([...argv, "--digest", digest, "--json"], fetching(text));
      expect([right.exitCode, right.json["digest"]]).to.deep.equal([0, digest]);
      expect(await readFile(desk.path("trust.json"), "utf8")).to.equal(text);
    });

    it("a file that is in use is not replaced by one that its signers did not sign", async () => {
      const key = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      const first = await trustFile(key);
      await writeFile(desk.path("trust.json"), first);
      const other = await trustFile(key);
      expect((await desk.run(["trust", "fetch", "http://127.0.0.1:8080"], fetching(other))).exitCode).to.equal(1);
      expect(await readFile(desk.path("trust.json"), "utf8")).to.equal(first);
    });
  });

  describe("trust fetch over several versions", () => {
    it("goes from the one in use to the newest by way of those between, and by no other way", async () => {
      const key = await openSigner({ jwk: await generateKey("EdDSA"), party: "gw" });
      const signer = await openSigner({ jwk: await generateKey("EdDSA"), party: "urn:quanji:regulator" });
      const digestOf = async (text: string) => (await openTrust(text, { now: Date.now() })).digest;
      const versions = [await trustFile(key, { signer })];
      for (const version of [2, 3, 4]) {
        versions.push(await trustFile(key, { signer, version, prev: await digestOf(versions.at(-1) ?? "") }));
      }
      const [first = "", , , newest = ""] = versions;
      const serving = (texts: readonly string[]) => ({
        fetch: (url: unknown) => {
          const version = Number(/\/v1\/trust\/(\d+)$/.exec(String(url))?.[1] ?? texts.length);
          const text = texts[version - 1];
          return Promise.resolve(new Response(text ?? "", { status: text === undefined ? 404 : 200 }));
        },
      });
      const argv = ["trust", "fetch", "http://127.0.0.1:8080"];
      await writeFile(desk.path("trust.json"), first);
      const forged = versions.with(1, await trustFile(key, { version: 2, prev: await digestOf(first) }));
      expect((await desk.run(argv, serving(forged))).exitCode).to.equal(1);
      expect(await readFile(desk.path("trust.json"), "utf8")).to.equal(first);
      expect((await desk.run(argv, serving(versions))).exitCode).to.equal(0);
      expect(await readFile(desk.path("trust.json"), "utf8")).to.equal(newest);
      expect((await desk.run(argv, serving(versions.slice(0, 3)))).exitCode).to.equal(1);
    });
  });

  describe("profiles", () => {
    const configure = async (config: unknown): Promise<void> => {
      await mkdir(desk.path("config"));
      await writeFile(desk.env["QUANJI_CONFIG"] ?? "", JSON.stringify(config));
    };

    it("hold what would be typed; paths are relative to them; flags win", async () => {
      const gateway = await FakeGateway.start();
      await configure({
        default: "bank",
        profiles: { bank: { gateway: gateway.address, key: "../bank.jwk", lang: "zh" } },
      });
      await desk.run(["keys", "new", "--out", "bank.jwk", "--party", BANK]);
      expect((await desk.run(["grant", "approve", GRANT])).exitCode).to.equal(0);
      const refused = await desk.run(["grant", "approve", GRANT, "--profile", "other"]);
      expect([refused.exitCode, refused.err.split(" ")[0]]).to.deep.equal([2, "CONFIG_INVALID"]);
      await gateway.close();
    });

    it("with an unknown member are refused, naming it", async () => {
      await configure({ profiles: { default: { gatway: "x" } } });
      const { exitCode, err } = await desk.run(["inbox"]);
      expect(exitCode).to.equal(2);
      expect(err).to.include("profiles.default");
    });
  });

  describe("source add", () => {
    const config = async (): Promise<Record<string, unknown>> =>
      JSON.parse(await readFile(desk.path("data/gateway.json"), "utf8")) as Record<string, unknown>;

    it("copies the file in, binds it, replaces its own binding and keeps everything else", async () => {
      await mkdir(desk.path("data"));
      const other = { resource: "res/other", steward: BANK, kind: "file", format: "csv", path: "other.csv" };
      await writeFile(desk.path("data/gateway.json"), JSON.stringify({ port: 9, sources: [other] }));
      await writeFile(desk.path("w.csv"), "day,rain\n");
      const argv = ["source", "add", RESOURCE, "--steward", BANK, "--file", "w.csv"];
      expect((await desk.run(argv)).exitCode).to.equal(0);
      expect((await desk.run([...argv, "--column", "rain=precipitation"])).exitCode).to.equal(0);
      const binding = {
        kind: "file",
        format: "csv",
        path: "res-weather.daily.csv",
        resource: RESOURCE,
        steward: BANK,
        columns: { rain: "precipitation" },
      };
      expect(await config()).to.deep.equal({ port: 9, sources: [other, binding] });
      expect(await readFile(desk.path("data/sources/res-weather.daily.csv"), "utf8")).to.equal("day,rain\n");
    });

    it("tells persons by a field, with the steward's tag keys in the folder for sources and nobody else's to read", async () => {
      const keys = { v: "quanji.tag-keys.v1", net: NET, party: BANK, keys: { "2026Q4": "A".repeat(43) } };
      await writeFile(desk.path("bank.tags.json"), JSON.stringify(keys), { mode: 0o600 });
      await writeFile(desk.path("people.csv"), "id_no,rain\n");
      const argv = ["source", "add", RESOURCE, "--steward", BANK, "--file", "people.csv"];
      const more = ["--subject-field", "id_no", "--tag-keys", "bank.tags.json"];
      expect((await desk.run([...argv, ...more])).exitCode).to.equal(0);
      expect(((await config())["sources"] as { subjects?: object }[])[0]?.subjects).to.deep.equal({
        field: "id_no",
        keys: "bank.tags.json",
      });
      expect((await stat(desk.path("data/sources/bank.tags.json"))).mode & 0o777).to.equal(0o600);
    });

    it("binds an API; what the gateway would not take is refused, naming the field", async () => {
      const api = ["source", "add", RESOURCE, "--steward", BANK, "--url"];
      expect(
        (
          await desk.run([
            ...api,
            "http://127.0.0.1:9/days?from={from}",
            "--allow-private",
            "--ticket",
            "--items",
            "/rows",
          ])
        ).exitCode,
      ).to.equal(0);
      expect(((await config())["sources"] as object[])[0]).to.include({
        kind: "http",
        format: "json",
        allowPrivate: true,
        ticket: true,
        items: "/rows",
      });
      const refused = await desk.run([...api, "ftp://example/x", "--json"]);
      expect([refused.exitCode, refused.json["field"]]).to.deep.equal([2, "url"]);
    });

    it("a file that lies in the gateway's folder already stays where it is", async () => {
      await mkdir(desk.path("data/sources/deep"), { recursive: true });
      await writeFile(desk.path("data/sources/deep/w.json"), "[]");
      const { json } = await desk.run([
        "source",
        "add",
        RESOURCE,
        "--steward",
        BANK,
        "--file",
        join("data", "sources", "deep", "w.json"),
        "--json",
      ]);
      expect(json).to.include({ path: "deep/w.json", format: "json" });
    });
  });
});
