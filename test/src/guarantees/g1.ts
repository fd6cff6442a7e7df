/** G1 no record, no data: nothing leaves before the record of the permitted access is committed, and denials are recorded. */
import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { TRANSACTIONS } from "@quanji/chaincode/world";
import { bodyOf, type SignedCommand } from "@quanji/client";
import { type CommitStep, type Committed, LedgerError, payloadOf, send } from "@quanji/gateway/testing";
import { expect } from "chai";
import { type Ground, networkOf } from "../support/ground.js";
import type { ChildHost } from "../support/child.js";
import { type LocalHost, LOG } from "../support/host.js";
import type { CountingSource } from "../support/source.js";
import { ROWS } from "../support/source.js";
import { Stage } from "../support/stage.js";
import { Gate, until } from "../support/until.js";

/** Older than the recorder lets a request become. */
const TOO_LATE_MS = 31_000;

/** Before a batch can be on the ledger, and when it is there and nobody has been told. */
const STEPS = {
  embedded: { write: "write", written: "written" },
  fabric: { write: "endorsed", written: "landed" },
} as const;

export const g1 = (ground: Ground): void =>
  void describe(`G1 no record, no data${ground.on}`, () => {
    let stage: Stage<LocalHost>;
    let grant: string;
    let gate: { readonly step: CommitStep; readonly arrived: () => void; readonly released: Gate } | undefined;

    before(async () => {
      stage = await Stage.open({
        ground,
        hooks: {
          atStep: async (step) => {
            if (gate?.step !== step) return;
            const { arrived, released } = gate;
            gate = undefined;
            arrived();
            await released.passed;
          },
        },
      });
      grant = await stage.granted();
    });
    after(() => stage.close());
    afterEach(() => {
      stage.host.ledger.onSubmit = undefined;
      // Fabric's peers have clocks of their own, and refuse what is dated ahead of them.
      if (ground.ledger === "fabric") stage.host.aheadMs = 0;
    });

    const sizeOfLog = async (): Promise<number> => {
      await using view = await stage.host.ledger.view();
      return (JSON.parse((await view.get(`log/${LOG}`)) ?? "{}") as { readonly size: number }).size;
    };

    /** What the ledger does with the batch instead of committing it. */
    const faults: Readonly<Record<string, () => never>> = {
      "the chaincode refuses the batch": () => {
        throw new LedgerError("REFUSED", "refused");
      },
      "the endorsements do not count": () => {
        throw new LedgerError("POLICY", "invalid", { txId: "1" });
      },
      "the ledger is cut off": () => {
        stage.host.aheadMs += TOO_LATE_MS;
        throw new LedgerError("UNAVAILABLE", "cut off");
      },
      "the ledger does not say what became of the batch": () => {
        stage.host.aheadMs += TOO_LATE_MS;
        throw new LedgerError("UNKNOWN", "the answer was lost", { txId: randomBytes(32).toString("hex") });
      },
      "the ledger breaks its own port": () => {
        stage.host.aheadMs += TOO_LATE_MS;
        throw new TypeError("something else");
      },
    };
    for (const [name, fault] of Object.entries(faults)) {
      it(`if ${name}, the access fails and the source is not asked`, async () => {
        const [asked, size] = [stage.source.asked, await sizeOfLog()];
        stage.host.ledger.onSubmit = async (transaction, pass) =>
          transaction.name === TRANSACTIONS.recordBatch ? fault() : pass();
        const reply = await stage.post("/v1/access", await stage.signAccess("stranger", grant));
        expect([reply.status, reply.code()]).to.deep.equal([503, "NOT_RECORDED"]);
        expect(reply.text).not.to.contain("receipt");
        stage.host.ledger.onSubmit = undefined;
        expect([stage.source.asked, await sizeOfLog()]).to.deep.equal([asked, size]);
      });
    }

    it("if the answer is lost and the batch was committed, it is found in the blocks, and recorded once", async () => {
      const [asked, size] = [stage.source.asked, await sizeOfLog()];
      let lost = 0;
      stage.host.ledger.onSubmit = async (transaction, pass): Promise<Committed> => {
        const committed = await pass();
        if (transaction.name !== TRANSACTIONS.recordBatch || lost++ > 0) return committed;
        throw new LedgerError("UNKNOWN", "the answer was lost", { txId: committed.txId });
      };
      expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit", index: size });
      expect(stage.source.asked).to.equal(asked + 1);
      await until(async () => ((await sizeOfLog()) === size + 2 ? true : undefined)); // its delivery follows
    });

    it("denials are recorded with the rule that denied, and ask no source", async () => {
      const [asked, size] = [stage.source.asked, await sizeOfLog()];
      const outcomes = [
        await stage.use("stranger", stage.access(undefined)),
        await stage.use("stranger", stage.access(grant)),
        await stage.use("insurer", stage.access(grant, { purpose: "marketing" })),
        await stage.use("insurer", stage.access(grant, { fields: ["day", "temperature"] })),
      ];
      expect(outcomes.map(({ outcome, index }) => [outcome, index])).to.deep.equal([
        ["GRANT_MISSING", size],
        ["NOT_GRANTEE", size + 1],
        ["PURPOSE_OUTSIDE_GRANT", size + 2],
        ["FIELDS_OUTSIDE_GRANT", size + 3],
      ]);
      expect(stage.source.asked).to.equal(asked);
      for (const { request = "" } of outcomes.slice(2)) {
        const { access, delivery } = await (await stage.client("insurer")).receipt(request);
        expect([access.record.body.request, delivery]).to.deep.equal([request, undefined]);
      }
    });

    /** Holds the next batch somewhere between its submission and its answer. Answers how to let it go on. */
    type Hold = (arrived: () => void) => () => void;
    const atStep =
      (step: CommitStep): Hold =>
      (arrived) => {
        const released = new Gate();
        gate = { step, arrived, released };
        return released.open;
      };
    const around =
      (hold: (pass: () => Promise<Committed>, stop: () => Promise<void>) => Promise<Committed>): Hold =>
      (arrived) => {
        const released = new Gate();
        stage.host.ledger.onSubmit = async (transaction, pass) => {
          if (transaction.name !== TRANSACTIONS.recordBatch || released.isOpen) return pass();
          return hold(pass, () => {
            arrived();
            return released.passed;
          });
        };
        return released.open;
      };
    const frozenOrderer: Hold = (arrived) => {
      const { processes, topology } = networkOf(stage.base);
      const orderer = topology.orderers[0]?.id ?? "";
      const frozen = processes.signal(orderer, "SIGSTOP");
      stage.host.ledger.onSubmit = async (_, pass) => {
        await frozen;
        const committed = pass();
        arrived();
        return committed;
      };
      return () => void processes.signal(orderer, "SIGCONT");
    };
    const holds: Readonly<Record<Ground["ledger"], Readonly<Record<string, Hold>>>> = {
      embedded: {
        'the commit stands at the step "taken"': atStep("taken"),
        'the commit stands at the step "write"': atStep("write"),
        'the commit stands at the step "written"': atStep("written"),
      },
      fabric: {
        "the batch is not handed over yet": around(async (pass, stop) => {
          await stop();
          return pass();
        }),
        "the orderer stands still": frozenOrderer,
        "the batch is committed and the ledger's answer is on its way": around(async (pass, stop) => {
          const committed = await pass();
          await stop();
          return committed;
        }),
      },
    };
    for (const [name, hold] of Object.entries(holds[ground.ledger])) {
      it(`while ${name}, the source is not asked and not a byte is sent`, async () => {
        const asked = stage.source.asked;
        const signed = await stage.signAccess("insurer", grant, { seq: await nextSeq() });
        const arrived = new Gate();
        const release = hold(arrived.open);
        const answer = begin(signed);
        await arrived.passed;
        // Whatever had been on its way from this server would have overtaken this.
        expect((await send(stage.host.address, { path: "/healthz" })).status).to.equal(200);
        expect([answer.begun(), stage.source.asked]).to.deep.equal([false, asked]);
        release();
        const lines = (await answer.text).split("\n").filter((line) => line !== "");
        const kinds = lines.map((line) => (JSON.parse(line) as { readonly t: string }).t);
        expect(kinds).to.deep.equal(["receipt", "data", "end"]);
        expect(stage.source.asked).to.equal(asked + 1);
        // Its delivery would stand in the way of the next batch.
        await until(async () => (await (await stage.client("insurer")).receipt(signed.request)).delivery);
      });
    }

    const nextSeq = async (): Promise<number> => (await (await stage.client("insurer")).seq(LOG)).next;

    /** Sends, and can tell whether any answer has begun. */
    function begin(signed: SignedCommand): { readonly begun: () => boolean; readonly text: Promise<string> } {
      const { type, text } = bodyOf(signed);
      const { hostname, port } = new URL(stage.host.address);
      let begun = false;
      const answered = new Promise<string>((resolve, reject) => {
        const headers = { "content-type": type };
        const options = { hostname, port, path: "/v1/access", method: "POST", headers, agent: false };
        const outgoing = httpRequest(options, (response) => {
          begun = true;
          let body = "";
          response.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
          response.on("end", () => resolve(body));
          response.on("error", reject);
        });
        outgoing.on("error", reject);
        outgoing.end(text);
      });
      return { begun: () => begun, text: answered };
    }
  });

export const g1AfterCrash = (ground: Ground): void =>
  void describe(`G1 no record, no data: after a crash${ground.on}`, () => {
    const steps = STEPS[ground.ledger];
    let stage: Stage<ChildHost>;
    let grant: string;

    before(async () => {
      stage = await Stage.apart(ground);
      grant = await stage.granted();
      expect(await stage.use("insurer", stage.access(grant))).to.include({ outcome: "permit" });
    });
    after(() => stage.close());

    /** Sends with everything prepared by `arm`, waits for the gateway's end, starts it again and sends the same bytes. */
    const repeated = async (arm: () => Promise<void> | void, die: () => Promise<void>) => {
      const { request = "" } = await stage.use("insurer", stage.access(grant));
      const client = await stage.client("insurer");
      await until(async () => (await client.receipt(request)).delivery); // nothing is under way now
      const signed = await stage.signAccess("insurer", grant, { seq: (await client.seq(LOG)).next });
      await arm();
      const sent = stage.post("/v1/access", signed).then(
        (reply) => reply.text,
        () => "",
      );
      await die();
      const asked = stage.source.asked;
      await stage.host.start();
      return { signed, asked, first: await sent, again: await stage.post("/v1/access", signed) };
    };

    it("killed between commit and release: the same bytes get their receipt, and never the data", async () => {
      const { signed, asked, first, again } = await repeated(
        () => stage.host.dieAt(steps.written),
        () => stage.host.gone(),
      );
      expect(first).to.equal("");
      expect([again.status, again.headers["content-type"]]).to.deep.equal([200, "application/jose+json"]);
      expect(again.text).not.to.contain(ROWS[0].day);
      const receipt = payloadOf(again.payload()?.body["receipt"]);
      expect(receipt["request"]).to.deep.equal(signed.jws);
      await endsUnknown(signed.request, receipt);
      expect(stage.source.asked).to.equal(asked);
    });

    it("killed before the commit: the same bytes are recorded now, once", async () => {
      const { asked, first, again } = await repeated(
        () => stage.host.dieAt(steps.write),
        () => stage.host.gone(),
      );
      expect(first).to.equal("");
      expect(again.lines().map((line) => line["t"])).to.deep.equal(["receipt", "data", "end"]);
      expect(stage.source.asked).to.equal(asked + 1);
    });

    it("killed while the source answers: a receipt and an unknown delivery, never the data again", async () => {
      let held: ReturnType<CountingSource["hold"]> | undefined;
      const { signed, asked, first, again } = await repeated(
        () => {
          held = stage.source.hold();
        },
        async () => {
          await held?.arrived;
          await stage.host.kill();
          held?.release();
        },
      );
      expect(first).not.to.contain('"t":"data"');
      expect([again.status, again.headers["content-type"]]).to.deep.equal([200, "application/jose+json"]);
      await endsUnknown(signed.request, payloadOf(again.payload()?.body["receipt"]));
      expect(stage.source.asked).to.equal(asked);
    });

    /** What nobody can know any more is recorded as that. */
    const endsUnknown = async (request: string, first: Readonly<Record<string, unknown>>): Promise<void> => {
      const client = await stage.client("insurer");
      const delivery = await until(async () => (await client.receipt(request)).delivery);
      expect(delivery.record.body).to.deep.include({ request, outcome: "unknown", bytes: 0, rows: 0 });
      const { access } = await client.receipt(request);
      expect(access.receipt.record).to.equal(first["record"]);
    };
  });
