/** G7, the other end: a source that opens for tickets alone, once each, and counts for itself. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { generateKey, openSigner, type PartyKeyPair, toJwkFile } from "@quanji/client";
import { reconcile, type Reconciliation } from "@quanji/client/reconcile";
import { verifyTrail } from "@quanji/client/verify";
import { openAdapter, type OpenAdapter, requireTicket } from "@quanji/gateway/source";
import { newSourceListener, send } from "@quanji/gateway/testing";
import { expect } from "chai";
import type { Ground } from "../support/ground.js";
import { type LocalHost, NET } from "../support/host.js";
import { runProgram, SOURCE } from "../support/program.js";
import { CountingSource } from "../support/source.js";
import { IDS, newFolder, RESOURCE, Stage } from "../support/stage.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;

export const g7Source = (ground: Ground): void =>
  void describe(`G7 a source that opens for tickets${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let behind: CountingSource;
    let door: Server;
    let url: string;
    let folder: string;
    let open: OpenAdapter | undefined;
    let grant: string;
    let ahead = 0;
    /** Tickets that have come. */
    const tickets: string[] = [];
    const faults: string[] = [];

    const opened = (): OpenAdapter["adapter"] => {
      if (open === undefined) throw new Error("the adapter is closed");
      return open.adapter;
    };
    const adapter = { redeem: async (text: string | undefined, resource: string) => opened().redeem(text, resource) };
    const start = async (): Promise<void> => {
      const files = { data: folder, key: path.join(folder, "tally.jwk"), trust: stage.trustFile };
      open = await openAdapter(
        { ...files, gateway: stage.host.address, tallyEveryMs: HOUR },
        { clock: () => stage.host.clock() + ahead, report: (what, error) => faults.push(`${what}: ${String(error)}`) },
      );
    };

    before(async () => {
      behind = await CountingSource.open();
      const routes = [
        { resource: RESOURCE, prefix: "/weather", target: `${behind.url}/days` },
        { resource: "res/other", prefix: "/other", target: behind.url },
      ];
      const listener = newSourceListener({ adapter, routes, report: (what) => faults.push(what) });
      door = createServer({ maxHeaderSize: 65_536 }, (request: IncomingMessage, response) => {
        const ticket = request.headers["quanji-ticket"];
        if (typeof ticket === "string") tickets.push(ticket);
        listener(request, response);
      });
      door.listen(0, "127.0.0.1");
      await once(door, "listening");
      url = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
      const binding = {
        resource: RESOURCE,
        steward: IDS.bureau,
        kind: "http",
        format: "json",
        items: "/items",
        url: `${url}/weather?limit={limit}`,
        allowPrivate: true,
        ticket: true,
      };
      // Its clock can be set: what is tallied once its time is over need not be waited for.
      stage = await Stage.open({ ground, config: { sources: [binding], network: { net: NET, testClock: true } } });
      grant = await stage.granted("insurer");
      folder = await newFolder();
      const key: PartyKeyPair & { party: string } = { jwk: await generateKey("EdDSA"), party: IDS.bureau };
      await (await stage.client("bureau")).parties.rotateKey(await openSigner(key), { purpose: "tally" });
      await writeFile(path.join(folder, "tally.jwk"), JSON.stringify(toJwkFile(key)), { mode: 0o600 });
      await start();
    });
    after(async () => {
      await open?.close();
      await stage.close();
      door.closeAllConnections();
      door.close();
      await behind.close();
      await rm(folder, { recursive: true, force: true });
    });

    /** The adapter learns the network's time when it connects. */
    const later = async (ms: number): Promise<void> => {
      await open?.close();
      await stage.later(ms);
      await start();
    };
    const use = async (): Promise<string> => {
      const insurer = await stage.client("insurer", { accept: true });
      const { access } = await insurer.fetch(stage.access(grant));
      expect(access.unaccepted).to.equal(undefined);
      return tickets.at(-1) ?? "";
    };
    const ask = (target: string, ticket?: string, method: "GET" | "POST" = "GET") =>
      send(url, { method, path: target, headers: ticket === undefined ? {} : { "quanji-ticket": ticket } });
    const reasonOf = async (target: string, ticket?: string): Promise<unknown> => {
      const { status, text } = await ask(target, ticket);
      expect([status, text]).to.deep.include(403);
      return (JSON.parse(text) as { reason: string }).reason;
    };

    it("serves a recorded permit, and nobody without a ticket", async () => {
      await use();
      expect(behind.asked).to.equal(1);
      expect(await reasonOf("/weather?limit=1")).to.equal("TICKET_MISSING");
      expect((await ask("/healthz")).status).to.equal(200);
      for (const elsewhere of ["/", "/weather2", "/weather/../other", "/weather/%2e%2e/other"]) {
        expect((await ask(elsewhere, tickets[0])).status, elsewhere).to.equal(404);
      }
      expect((await ask("/weather", tickets[0], "POST")).status).to.equal(404);
      expect(behind.asked).to.equal(1);
    });

    it("opens once for a ticket, over a restart too", async () => {
      const ticket = await use();
      const asked = behind.asked;
      expect(await reasonOf("/weather", ticket)).to.equal("TICKET_USED");
      await open?.close();
      await start();
      expect(await reasonOf("/weather", ticket)).to.equal("TICKET_USED");
      expect(behind.asked).to.equal(asked);
    });

    it("believes no ticket but a permit's receipt, of this resource, for half a minute", async () => {
      const asked = behind.asked;
      const held = behind.hold();
      const insurer = await stage.client("insurer", { accept: true });
      const under = insurer.fetch(stage.access(grant));
      await held.arrived;
      const ticket = tickets.at(-1) ?? "";
      const [header, payload, signature = ""] = ticket.split(".");
      const flipped = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
      expect(await reasonOf("/weather", "no.ticket")).to.equal("TICKET_UNVERIFIED");
      expect(await reasonOf("/weather", `${header}.${payload}.${flipped}`)).to.equal("TICKET_UNVERIFIED");
      expect(await reasonOf("/other", ticket)).to.equal("TICKET_FOREIGN");
      ahead = MINUTE;
      expect(await reasonOf("/weather", ticket)).to.equal("TICKET_EXPIRED");
      ahead = -MINUTE;
      expect(await reasonOf("/weather", ticket)).to.equal("TICKET_EXPIRED");
      ahead = 0;
      held.release();
      const { access } = await under;
      const { delivery, acceptance } = await insurer.receipt(access.request);
      for (const other of [delivery, acceptance]) {
        const jws = other?.jws;
        const shown = `${jws?.protected ?? ""}.${jws?.payload ?? ""}.${jws?.signature ?? ""}`;
        expect(await reasonOf("/weather", shown)).to.equal("TICKET_UNVERIFIED");
      }
      expect(behind.asked).to.equal(asked + 1);
    });

    it("stands as middleware before a program's own route", async () => {
      const passed: string[] = [];
      const middleware = requireTicket(adapter, RESOURCE);
      const answered: unknown[] = [];
      const response = {
        status: (code: number) => (answered.push(code), response),
        type: () => response,
        send: () => response,
      };
      await new Promise<void>((resolve) => {
        response.send = () => (resolve(), response);
        middleware({ headers: {} } as never, response as never, () => passed.push("let through"));
      });
      expect([answered, passed]).to.deep.equal([[403], []]);
    });

    it("tallies what it has served: the resource's trail holds the counts, and both ends agree", async () => {
      await use();
      await later(2 * MINUTE);
      await open?.adapter.tally();
      expect(faults).to.deep.equal([]);
      await use();
      await open?.adapter.tally();
      await later(HOUR);
      await open?.adapter.tally();
      await open?.adapter.tally();
      expect(faults).to.deep.equal([]);
      const trust = await stage.trust();
      const trail = await stage.trail("bureau", "resource", RESOURCE);
      expect(await verifyTrail(trail, trust)).to.include({ ok: true });
      const joined: Reconciliation = await reconcile([{ file: "r", source: trail }], trust);
      expect(joined).to.deep.include({ ok: true, missing: [], pending: 0 });
      // One for each hour; more where this machine took so long that some were over before.
      expect(joined.counts.tallies).to.be.at.least(2);
      expect(joined.counts.delivered).to.equal(behind.asked);
    });

    it("runs as a program: says where it listens, refuses without a ticket, ends by a signal", async () => {
      await open?.close();
      open = undefined;
      const routes = [{ resource: RESOURCE, prefix: "/", target: `${behind.url}/days` }];
      const config = { port: 0, gateway: stage.host.address, trust: stage.trustFile, routes };
      await writeFile(path.join(folder, "source.json"), JSON.stringify(config));
      const program = spawn(process.execPath, [SOURCE], {
        env: { ...process.env, QUANJI_DATA: folder, QUANJI_PORT: "" },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
      const { value } = (await lines.next()) as { readonly value: string };
      const address = /^ready (http:\S+)$/.exec(value)?.[1] ?? "";
      expect(address, value).not.to.equal("");
      expect((await send(address, { method: "GET", path: "/" })).status).to.equal(403);
      const ended = once(program, "exit");
      program.kill("SIGTERM");
      expect(await ended).to.deep.equal([0, null]);
      await writeFile(path.join(folder, "source.json"), "{}");
      const broken = await runProgram([SOURCE], { QUANJI_DATA: folder });
      expect(broken.exitCode).to.equal(2);
      expect(broken.err).to.match(/CONFIG_INVALID: gateway: /);
    });
  });
