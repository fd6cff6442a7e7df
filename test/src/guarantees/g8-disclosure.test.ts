/**
 * G8, disclosure by role: who gets which openings of one record, over HTTP and at the command line, field by field. The record is
 * the same for all, to the byte; what differs is what of its commitments is opened.
 */
import type { Receipt, TrailLineOf } from "@quanji/chaincode/domain";
import { Client, generateKey, openSigner, type PartyKeyPair, toJwkFile } from "@quanji/client";
import { verifyReceipt, verifyTrail } from "@quanji/client/verify";
import { expect } from "chai";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type LocalHost, LOG } from "../support/host.js";
import { QUANJI, type Ran, runProgram } from "../support/program.js";
import { IDS, newId, Stage, TERMS } from "../support/stage.js";
import { refused, until } from "../support/until.js";

/** Every blinding of a record: three links, and what its request committed to. */
const BLINDED = ["links.grant", "links.party", "links.resource", "operator", "query"] as const;
type Blinded = (typeof BLINDED)[number];
const OPERATOR = "desk Zq21";
const QUERY = "Zq22City";
const RESOURCE = "res/weather.routed";

type Viewer = "requester" | "owner" | "regulator" | "exchange" | "bystander";
/** What each is shown of one record in its receipt; absent: that there is such a record is not even said. */
const SHOWN: Readonly<Record<Viewer, readonly Blinded[] | undefined>> = {
  requester: ["links.grant", "links.party"],
  owner: ["links.grant", "links.resource"],
  regulator: BLINDED,
  // On the route of the grant: it sees the grant and its trail, and no receipt.
  exchange: undefined,
  // An exchange as well, with no part in the grant.
  bystander: undefined,
};
/** Which of the trails of one record's objects each may have. */
const TRAILS: Readonly<Record<Viewer, readonly ("grant" | "resource" | "party")[]>> = {
  requester: ["grant", "party"],
  owner: ["grant", "resource"],
  regulator: ["grant", "resource", "party"],
  exchange: ["grant"],
  bystander: [],
};
const VIEWERS = Object.keys(SHOWN) as Viewer[];

describe("G8 what each role is shown of one record", () => {
  let stage: Stage<LocalHost>;
  let grant: string;
  let permit: string;
  let denial: string;
  const clients = new Map<Viewer, Client>();
  /** Of the exchange, then of the bystander. */
  const registrations: string[] = [];
  const files = new Map<Viewer, string>();
  const of = (viewer: Viewer): Client => clients.get(viewer)!;

  before(async () => {
    stage = await Stage.open({ resources: [RESOURCE] });
    const keys = path.join(stage.host.data, "keys");
    files.set("regulator", path.join(keys, "regulator.jwk"));
    for (const [viewer, name] of [
      ["requester", "insurer"],
      ["owner", "bureau"],
      ["regulator", "regulator"],
    ] as const) {
      clients.set(viewer, await stage.client(name));
      if (viewer === "regulator") continue;
      files.set(viewer, path.join(keys, `${viewer}.jwk`));
      await writeFile(files.get(viewer)!, stage.keyFile(name), { mode: 0o600 });
    }
    for (const viewer of ["exchange", "bystander"] as const) {
      const key = { jwk: await generateKey("EdDSA"), party: `urn:uuid:${newId()}` };
      files.set(viewer, path.join(keys, `${viewer}.jwk`));
      await writeFile(files.get(viewer)!, JSON.stringify(toJwkFile(key)), { mode: 0o600 });
      clients.set(viewer, await exchangeOf(key));
    }
    await stage.register(RESOURCE, { route: [[of("exchange").party]] });
    const { grants } = of("requester");
    ({ grant } = await grants.request({ resource: RESOURCE, terms: TERMS }));
    await of("exchange").grants.approve(grant);
    await of("owner").grants.approve(grant);
    const query = { where: [{ field: "city", op: "eq", value: QUERY }], limit: 2 };
    const access = stage.access(grant, { resource: RESOURCE, operator: OPERATOR, query, fields: ["day", "city"] });
    permit = (await stage.use("insurer", access)).request ?? "";
    denial = (await stage.use("insurer", { ...access, purpose: "marketing" })).request ?? "";
    await until(async () => (await of("requester").receipt(permit)).delivery);
  });
  after(async () => {
    for (const viewer of ["exchange", "bystander"] as const) await clients.get(viewer)?.close();
    await stage.close();
  });

  async function exchangeOf(pair: PartyKeyPair & { readonly party: string }): Promise<Client> {
    const { address, clock } = stage.host;
    const trust = await stage.trust();
    const client = await Client.connect({ gateway: address, key: await openSigner(pair), trust, clock });
    const { request } = await client.parties.register({
      kind: "org",
      name: "An exchange",
      roles: ["exchange"],
      jurisdiction: "CN",
      home: "HolderMSP",
      responsibleHead: { name: "head Zq23", title: "director" },
    });
    registrations.push(request);
    await of("regulator").parties.admit(client.party, ["exchange"]);
    return client;
  }

  const quanji = (viewer: Viewer, ...argv: readonly string[]): Promise<Ran> => {
    const common = ["--gateway", stage.host.address, "--key", files.get(viewer)!, "--trust", stage.trustFile, "--json"];
    return runProgram([QUANJI, ...argv, ...common]);
  };
  const opened = ({ openings }: Pick<Receipt, "openings">): string[] => Object.keys(openings).sort();
  const idOf = (kind: "grant" | "resource" | "party"): string =>
    ({ grant, resource: RESOURCE, party: IDS.insurer })[kind];
  const textOf = async (lines: AsyncIterable<string>): Promise<string> => {
    let text = "";
    for await (const line of lines) text += `${line}\n`;
    return text;
  };

  for (const viewer of VIEWERS) {
    const shown = SHOWN[viewer];

    it(`a receipt opens to the ${viewer}: ${shown?.join(", ") ?? "nothing, there is none"}`, async () => {
      for (const request of [permit, denial]) {
        if (shown === undefined) {
          await refused(of(viewer).receipt(request), "NOT_FOUND");
          continue;
        }
        const { access } = await of(viewer).receipt(request);
        expect(opened(access.receipt)).to.deep.equal([...shown]);
        expect(access.receipt.record).to.equal((await of("regulator").receipt(request)).access.receipt.record);
        expect(await verifyReceipt(access.jws, await stage.trust())).to.include({ ok: true });
        const bytes = JSON.stringify(access.receipt);
        for (const [path, word] of [
          ["operator", OPERATOR],
          ["query", QUERY],
        ] as const) {
          expect(bytes.includes(word), path).to.equal(shown.includes(path));
        }
      }
    });

    it(`the ${viewer} gets that receipt, or none, from the command line as well`, async () => {
      const ran = await quanji(viewer, "receipt", "get", permit);
      expect(ran.exitCode, ran.out + ran.err).to.equal(shown === undefined ? 1 : 0);
      const said = JSON.parse(ran.out) as { code?: string; access?: { payload: string } };
      if (shown === undefined) expect(said.code).to.equal("NOT_FOUND");
      else {
        const payload = Buffer.from(said.access?.payload ?? "", "base64url").toString("utf8");
        expect(opened(JSON.parse(payload) as Receipt)).to.deep.equal([...shown]);
      }
    });

    for (const kind of ["grant", "resource", "party"] as const) {
      const may = TRAILS[viewer].includes(kind);
      it(`the ${kind}'s trail is ${may ? "" : "not "}the ${viewer}'s to have, and opens no link but its own`, async () => {
        const lines = of(viewer).trail(kind, idOf(kind));
        if (!may) {
          await refused(textOf(lines), "NOT_FOUND");
          return;
        }
        const text = await textOf(lines);
        const verdict = await verifyTrail(text, await stage.trust());
        expect(verdict, verdict.message).to.include({ ok: true });
        const records = text
          .split("\n")
          .filter((line) => line.includes('"t":"record"'))
          .map((line) => JSON.parse(line) as TrailLineOf<"record">);
        const accesses = records.filter(({ r }) => r.includes('"type":"access"'));
        expect(accesses).to.have.length(2);
        const said = viewer === "regulator" ? ["operator", "query"] : [];
        for (const { o } of accesses) expect(Object.keys(o).sort()).to.deep.equal([`links.${kind}`, ...said]);
        expect(text.includes(OPERATOR)).to.equal(viewer === "regulator");
      });
    }

    it(`the list of what is kept is ${viewer === "owner" || viewer === "regulator" ? "" : "not "}shown to the ${viewer}, without values`, async () => {
      const listed = of(viewer).read(`/v1/openings/${RESOURCE}`);
      if (viewer !== "owner" && viewer !== "regulator") await refused(listed, "NOT_FOUND");
      else
        expect(JSON.stringify(await listed))
          .to.include("operator")
          .and.not.match(/salt|Zq2/);
    });
  }

  it("who answers for an exchange is opened to it and to the regulator; others see no such command", async () => {
    const [own = ""] = registrations;
    for (const viewer of ["exchange", "regulator"] as const) {
      const { openings } = await of(viewer).read(`/v1/commands/${own}`);
      expect(openings).to.have.nested.property("responsibleHead.value.name", "head Zq23");
    }
    for (const viewer of ["owner", "requester", "bystander"] as const) {
      await refused(of(viewer).read(`/v1/commands/${own}`), "NOT_FOUND");
      expect(JSON.stringify(await of(viewer).read("/v1/parties"))).not.to.match(/Zq23|head of/);
    }
  });

  it("the public gets hashes: no record, no opening, and no way to ask for one", async () => {
    const get = async (route: string) => {
      const answer = await fetch(`${stage.host.address}${route}`);
      return { status: answer.status, text: Buffer.from(await answer.arrayBuffer()).toString("latin1") };
    };
    const { record } = (await of("regulator").receipt(permit)).access.receipt;
    const body = record.split("\n")[1]!;
    for (const route of ["/v1/logs/0/checkpoint", "/v1/network", "/v1/trust.json", "/metrics"]) {
      const { status, text } = await get(route);
      expect(status, route).to.equal(200);
      for (const secret of [OPERATOR, QUERY, grant, permit, body]) expect(text.includes(secret), route).to.equal(false);
    }
    expect((await get("/v1/logs/0/checkpoint")).text.startsWith(`${LOG}\n`)).to.equal(true);
    for (const route of [
      `/v1/receipts/${permit}`,
      `/v1/trails/grant/${grant}`,
      `/v1/grants/${grant}`,
      `/v1/openings/${RESOURCE}`,
      `/v1/commands/${permit}`,
    ]) {
      const plain = await get(route);
      const posted = await fetch(`${stage.host.address}${route}`, { method: "POST", body: "{}" });
      expect(plain.status, route).to.be.within(400, 499);
      expect(posted.status, route).to.be.within(400, 499);
      for (const text of [plain.text, await posted.text()]) {
        for (const secret of [OPERATOR, QUERY, body]) expect(text.includes(secret), route).to.equal(false);
      }
    }
  });
});
