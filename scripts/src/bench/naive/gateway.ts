/**
 * A gateway without a recorder, for the benchmark alone: each access is a transaction, and so is its delivery. Arguments: profile,
 * data folder, port. Prints `ready <url>`.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { FlattenedJws } from "@quanji/chaincode/log";
import { openFabricLedger, readProfile } from "@quanji/gateway/fabric";
import { type Committed, LedgerError, type TransactionRequest } from "@quanji/gateway/testing";
import type { NaiveDelivery } from "./contract.js";

const [profileFile = "", folder = "", port = ""] = process.argv.slice(2);
const report = (what: string, error: unknown): void => void process.stderr.write(`${what}: ${String(error)}\n`);
const profile = await readProfile(profileFile);
const ledger = await openFabricLedger({ profile, folder, client: "fabric-gateway", report });
const endorsers = [profile.msp, profile.topology.regulator];
const ATTEMPTS = 20;
const PAUSE_MS = 25;
const DATA = "day,rain\n2026-03-02,0.4\n";
const DIGEST = createHash("sha256").update(DATA).digest("base64url");

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { command } = JSON.parse(Buffer.concat(parts).toString("utf8")) as { readonly command: FlattenedJws };
  const transient = { request: JSON.stringify(command) };
  const permit = await submit({ name: "naive:access", args: [], transient, endorsers });
  const { access } = JSON.parse(permit.result) as Pick<NaiveDelivery, "access">;
  response.write(`{"t":"receipt","access":"${access}","txId":"${permit.txId}"}\n${DATA}`);
  const delivered: NaiveDelivery = { access, digest: DIGEST, bytes: DATA.length };
  await submit({ name: "naive:delivery", args: [JSON.stringify(delivered)], endorsers });
  response.end(`{"t":"end"}\n`);
}

/** The regulator's peer may not have the permit's private value yet, and then refuses the delivery. */
async function submit(transaction: TransactionRequest): Promise<Committed> {
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await ledger.submit(transaction);
    } catch (error) {
      if (left === 0 || !(error instanceof LedgerError) || error.fault === "REFUSED") throw error;
      await pause(PAUSE_MS);
    }
  }
}

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    report("an access", error);
    if (!response.headersSent) response.statusCode = 503;
    response.end();
  });
});
server.listen(Number(port), "127.0.0.1", () => process.stdout.write(`ready http://127.0.0.1:${port}\n`));
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
  void ledger.close();
});
