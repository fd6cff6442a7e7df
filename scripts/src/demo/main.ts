/**
 * The demo: a story from end to end against a fresh gateway, on the embedded ledger or (`LEDGER=fabric`) on Fabric. It ends with exit 0 and one JSON line,
 * or says what went wrong and ends with 1.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openTrust } from "@quanji/client/verify";
import type { CheckedReceipt, Client } from "@quanji/client";
import { progressTo } from "@quanji/network/fabric";
import { type OwnNetwork, ownNetwork } from "../support/network.js";
import { freePort, type GatewayProcess, startGateway } from "../support/process.js";
import { callAll, type Ended, median, tally } from "./calls.js";
import { assemble, CAST, type Clients } from "./cast.js";
import { evidenceOffline, isolation, type Verdict, verifyOffline } from "./offline.js";
import { startWeatherApi } from "./source.js";
import { lies } from "./tamper.js";
import { expectThat, note, say, scene, timed } from "./tell.js";
import { type DemoWitness, forkProofs, MAX_WITNESSES, MIN_WITNESSES, startWitnesses } from "./witnesses.js";

const WEATHER = "res/weather.daily";
const PEOPLE = "res/weather.observers";
const SERVED_BY = "HolderMSP";

type Access = Parameters<Client["access"]>[0];

type ResourceInput = Parameters<Client["resources"]["register"]>[0];
type Field = ResourceInput["fields"][number];
const field = (name: string, type: Field["type"], grade: Field["grade"] = "general-1"): Field => ({
  name,
  type,
  grade,
});

async function catalogue({ bureau }: Clients, log: string): Promise<void> {
  const common: Pick<
    ResourceInput,
    "steward" | "servedBy" | "logs" | "kind" | "sharing" | "basis" | "responsibleHead" | "rights" | "route"
  > = {
    steward: CAST.bureau.party,
    servedBy: SERVED_BY,
    logs: [log],
    kind: "dataset",
    sharing: "conditional",
    basis: { law: "Meteorology Law", article: "22", duty: "publish observations" },
    responsibleHead: { name: "head of bureau", title: "director" },
    rights: [{ kind: "holding", holder: CAST.bureau.party, basis: "statutory duty" }],
    route: [[CAST.bureau.party], [CAST.legal.party]],
  };
  await bureau.resources.register({
    ...common,
    resource: WEATHER,
    title: "Daily weather 逐日气象",
    class: "weather.daily",
    sourceOf: ["weather.daily"],
    grade: { standard: "GB/T 43697-2024", level: "general-2" },
    subjectKind: "none",
    fields: [
      field("location", "string"),
      field("date", "date"),
      field("precipitation", "number"),
      field("temp_max", "number"),
      field("temp_min", "number"),
      field("wind", "number", "general-2"),
      field("weather", "string"),
    ],
    rangeField: "date",
  });
  await bureau.resources.register({
    ...common,
    resource: PEOPLE,
    title: "Voluntary observers 志愿观测员",
    class: "weather.observer",
    grade: { standard: "GB/T 43697-2024", level: "general-3" },
    subjectKind: "person",
    fields: [field("name", "string", "general-3"), field("age", "integer", "general-2"), field("height", "integer")],
  });
}

const YEAR_MS = 365 * 86_400_000;

const terms = (fields: readonly string[], nowMs: number) => ({
  actions: ["query" as const, "subgrant" as const],
  purposes: ["insurance.pricing"],
  fields: [...fields],
  window: { from: new Date(nowMs - 60_000).toISOString(), until: new Date(nowMs + YEAR_MS).toISOString() },
  environments: ["api" as const],
  jurisdictions: ["CN"],
  lawfulBasis: "contract on agricultural insurance",
  onStop: "stop" as const,
});

interface Granted {
  readonly weather: string;
  readonly people: string;
}

async function grants({ bureau, legal, insurer }: Clients): Promise<Granted> {
  const weather = await insurer.grants.request({
    resource: WEATHER,
    depth: 1,
    terms: {
      ...terms(["location", "date", "precipitation", "temp_max", "wind"], insurer.nowMs()),
      dataRange: { from: "2014-01-01", to: "2016-01-01" },
      quota: { unit: "call", n: 240, per: "P1D" },
      obligations: [{ op: "round", field: "wind", arg: "1" }],
    },
  });
  const people = await insurer.grants.request({
    resource: PEOPLE,
    terms: {
      ...terms(["name", "age"], insurer.nowMs()),
      actions: ["query"],
      obligations: [
        { op: "mask", field: "name", arg: "1,0" },
        { op: "round", field: "age", arg: "10" },
      ],
    },
  });
  await legal.grants.approve(weather.grant).then(
    () => expectThat(false, "the second approver decided before the first"),
    (error: unknown) => say(`legality review tries first: refused, ${codeOf(error)} (its stage is not open yet)`),
  );
  for (const { grant } of [weather, people]) {
    await bureau.grants.approve(grant);
    await legal.grants.approve(grant);
  }
  return { weather: weather.grant, people: people.grant };
}

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code ?? error);

function accessTo(log: string, grant: string, change: Partial<Access> = {}): Access {
  return {
    resource: WEATHER,
    log,
    grant,
    action: "query",
    purpose: "insurance.pricing",
    fields: ["location", "date", "precipitation", "wind"],
    range: { from: "2015-03-01", to: "2015-04-01" },
    environment: { kind: "api", jurisdiction: "CN" },
    operator: "pricing desk 3",
    query: { limit: 31, where: [{ field: "location", op: "eq", value: "Seattle" }] },
    quantity: 31,
    ...change,
  };
}

const repeat = (n: number, access: Access): Access[] => Array.from({ length: n }, () => access);

/** What the insurer does on one day: mostly right, sometimes not. */
function workload(log: string, grant: string): readonly Access[] {
  const good = accessTo(log, grant);
  return [
    ...repeat(199, good),
    ...repeat(12, { ...good, purpose: "marketing" }),
    ...repeat(12, { ...good, fields: ["location", "date", "temp_min"] }),
    ...repeat(12, { ...good, range: { from: "2012-01-01", to: "2012-02-01" } }),
    ...repeat(8, { ...good, environment: { kind: "api", jurisdiction: "DE" } }),
    ...repeat(4, { ...good, action: "export" }),
  ];
}

async function saveTrail(
  client: Client,
  kind: "grant" | "resource" | "party",
  id: string,
  file: string,
): Promise<string> {
  let text = "";
  for await (const line of client.trail(kind, id)) text += `${line}\n`;
  await writeFile(file, text);
  return text;
}

interface Totals {
  records: number;
  permitted: number;
  denied: number;
  trails: number;
  refused: number;
  /** As the verdicts on the trails say; undefined before the first. */
  withstands: number | undefined;
  forkProofs: number;
}

async function story(
  folder: string,
  gateway: GatewayProcess,
  served: () => number,
  elapsed: () => string,
  witnesses: readonly DemoWitness[],
): Promise<Totals> {
  const totals: Totals = {
    records: 0,
    permitted: 0,
    denied: 0,
    trails: 0,
    refused: 0,
    withstands: undefined,
    forkProofs: 0,
  };
  const trustFile = path.join(gateway.data, "trust.json");
  const trust = await openTrust(await readFile(trustFile), { now: Date.now() });
  const ended: Ended[] = [];
  const run = async (client: Client, accesses: readonly Access[]): Promise<readonly Ended[]> => {
    const results = await callAll(client, accesses);
    ended.push(...results);
    return results;
  };

  scene("Parties: everybody registers with a key of its own; the data bureau admits them");
  const clients = await timed("five parties", () => assemble(gateway.url, gateway.data, trust));
  const { bureau, insurer, adjuster, stranger, regulator } = clients;
  for (const { party, name } of Object.values(CAST)) say(`${party}  ${name}`);
  const log = insurer.network.logs[0]?.origin ?? "";

  scene("Catalogue: the weather bureau registers two tables of its API");
  await timed("two resources", () => catalogue(clients, log));
  say(`${WEATHER}: 2,922 days of two cities, one source (一数一源), graded general-2`);
  say(`${PEOPLE}: names of observers, graded general-3`);

  scene("Grants: the insurer asks, two approvers decide in turn");
  const granted = await timed("two grants, four approvals", () => grants(clients));
  say("weather: pricing only, 2014–2015, five fields, 240 calls a day, wind rounded, one generation of sub-grants");
  say("observers: name masked, age rounded");

  scene("Accesses: what is recorded is answered; what is denied is recorded too");
  await run(insurer, [accessTo(log, granted.weather)]);
  note(`from the start of this command to the first access, committed and served: ${elapsed()}`);
  const day = await run(insurer, workload(log, granted.weather));
  say(`insurer: ${tally(day)}`);
  const times = day.map(({ ms }) => ms);
  note(`${day.length} calls, 16 at a time, median ${median(times).toFixed(0)} ms from signature to last row`);
  const observers = { resource: PEOPLE, fields: ["name", "age"], query: { limit: 3 }, quantity: 3 };
  const masked = await insurer.access(withoutRange(accessTo(log, granted.people, observers)));
  const rows = await masked.rows();
  ended.push({ outcome: "permit", request: masked.request, rows: rows.length, ms: 0 });
  say(`observers, as they leave: ${rows.map((row) => JSON.stringify(row)).join(" ")}`);
  expectThat(
    rows.every((row) => /^.\*+$/.test(String(row["name"]))),
    "a name left unmasked",
  );
  say(`somebody without a grant: ${tally(await run(stranger, [withoutGrant(accessTo(log, granted.weather))]))}`);
  say(`somebody with the insurer's grant: ${tally(await run(stranger, [accessTo(log, granted.weather)]))}`);

  scene("A sub-grant: the insurer lets its loss adjuster use a part");
  const { grant: child } = await insurer.grants.derive(granted.weather, {
    grantee: CAST.adjuster.party,
    depth: 0,
    terms: {
      ...terms(["location", "date", "precipitation"], insurer.nowMs()),
      actions: ["query"],
      window: (await insurer.grants.get(granted.weather)).terms.window,
      dataRange: { from: "2015-01-01", to: "2016-01-01" },
    },
  });
  const part = accessTo(log, child, { fields: ["location", "date", "precipitation"] });
  say(`adjuster: ${tally(await run(adjuster, repeat(20, part)))}`);
  say(
    `insurer, beyond the day's quota that both share: ${tally(await run(insurer, repeat(30, accessTo(log, granted.weather))))}`,
  );
  if (witnesses.length > 0) {
    scene(`Witnesses: ${witnesses.length} organisations cosign the log, and one of them lies`);
    ended.push(await cosignedDenial(insurer, accessTo(log, granted.weather, { purpose: "marketing" })));
    totals.forkProofs = await catchLiar(folder, gateway, trustFile, witnesses);
  }
  const earlier = await saveTrail(bureau, "resource", WEATHER, path.join(folder, "earlier.trail.ndjson"));

  scene("Revocation: the bureau stops the grant; one organisation is enough");
  const stop = await timed("revocation", () => bureau.grants.revoke(granted.weather, "contract ended"));
  say(`committed at block ${stop.block}, index ${stop.index}; no permit can follow it`);
  say(`insurer: ${tally(await run(insurer, repeat(5, accessTo(log, granted.weather))))}`);
  say(`adjuster, whose grant rests on it: ${tally(await run(adjuster, repeat(5, part)))}`);

  scene("Trails: owner, insurer and regulator each take theirs, and verify it without network");
  const place = isolation();
  note(`each by "quanji verify", ${place.how}`);
  const takers = [
    ["owner", bureau, "resource", WEATHER],
    ["insurer", insurer, "party", CAST.insurer.party],
    ["regulator", regulator, "grant", granted.weather],
  ] as const;
  let ownerTrail = "";
  for (const [name, client, kind, id] of takers) {
    const file = path.join(folder, `${name}.trail.ndjson`);
    const text = await saveTrail(client, kind, id, file);
    if (name === "owner") ownerTrail = text;
    const verdict = await timed(`${name}'s trail`, () => verifyOffline(place, file, trustFile));
    assertTrail(name, verdict, witnesses.length > 0);
    totals.withstands = verdict.withstands;
    totals.trails++;
    say(`${name}: ${describe(verdict)}`);
  }

  scene("Lies: the owner's trail, changed six ways");
  for (const { name, text } of lies(ownerTrail, earlier)) {
    const file = path.join(folder, "lie.trail.ndjson");
    await writeFile(file, text);
    const verdict = await verifyOffline(place, file, trustFile);
    expectThat(!verdict.ok, `${name}: the verifier was convinced`);
    totals.refused++;
    say(`${name}: refused, ${verdict.code ?? "?"} · ${verdict.detail ?? "?"}`);
  }

  totals.permitted = ended.filter(({ outcome }) => outcome === "permit").length;
  totals.denied = ended.length - totals.permitted;
  totals.records = await logSize(gateway.url);
  expectThat(
    served() === totals.permitted,
    `the source served ${served()} requests, ${totals.permitted} were permitted`,
  );
  note(`the source was asked ${served()} times: once for each permit, never for a denial`);
  for (const client of Object.values(clients)) await client.close();
  return totals;
}

function assertTrail(name: string, verdict: Verdict, witnessed: boolean): void {
  expectThat(verdict.ok, `${name}'s trail: ${JSON.stringify(verdict)}`);
  expectThat(!witnessed || verdict.level === "cosigned", `${name}'s trail is only ${verdict.level ?? "?"}`);
}

/** An access that is denied, and whose receipt is to be cosigned when it comes. */
async function cosignedDenial(insurer: Client, access: Access): Promise<Ended> {
  const refused = await timed("an access with cosigned evidence", () =>
    insurer.access(access, { evidence: "cosigned", waitSeconds: 10 }).catch((error: unknown) => error),
  );
  const { code = "permit", receipt } = refused as { readonly code?: string; readonly receipt?: CheckedReceipt };
  expectThat(code === "PURPOSE_OUTSIDE_GRANT", `marketing was answered with ${code}`);
  expectThat(receipt?.level === "cosigned", "the receipt came without the quorum's cosignatures");
  say(`the receipt of a denial (${code}): ${receipt.level} when it came`);
  return { outcome: code, rows: 0, ms: 0 };
}

/** Waits for the gateway's proof, has a stranger check it, and switches the liar off. Answers how many proofs there are. */
async function catchLiar(
  folder: string,
  gateway: GatewayProcess,
  trustFile: string,
  witnesses: readonly DemoWitness[],
): Promise<number> {
  const until = Date.now() + 60_000;
  let files = await forkProofs(gateway.data);
  while (files.length === 0 && Date.now() < until) {
    await pause(100);
    files = await forkProofs(gateway.data);
  }
  const [proof] = files;
  const liar = witnesses.find(({ lies }) => lies);
  if (proof === undefined || liar === undefined) throw new Error("nobody caught the lying witness");
  const kept = path.join(folder, "fork.evidence.json");
  await copyFile(proof, kept);
  say(`the gateway compared what each witness shows others with what it had cosigned: a fork proof is in ${kept}`);
  const verdict = await evidenceOffline(isolation(), kept, trustFile);
  expectThat(verdict.ok, `the fork proof: ${JSON.stringify(verdict)}`);
  const accused = (verdict.accused ?? []).map(({ name, role }) => `${role} ${name}`).join(", ");
  expectThat(accused === `witness ${liar.row.vkey.split("+", 1).join("")}`, `accused is ${accused}`);
  say(`"quanji evidence", without network: ${accused} has signed two histories`);
  await liar.stop();
  say(`the witness of ${liar.organisation} is switched off; ${witnesses.length - 1} go on`);
  return files.length;
}

const withoutRange = ({ range: _range, ...rest }: Access): Access => rest;
const withoutGrant = ({ grant: _grant, ...rest }: Access): Access => rest;

/** Second line of the checkpoint: how many records the log holds. */
async function logSize(url: string): Promise<number> {
  const checkpoint = await (await fetch(`${url}/v1/logs/0/checkpoint`)).text();
  return Number(checkpoint.split("\n")[1]);
}

const describe = (verdict: Verdict): string =>
  [
    `${verdict.records ?? "?"} records`,
    `level ${verdict.level ?? "?"}`,
    `complete through ${verdict.completeThrough ?? "?"}`,
    verdict.singleOperator === true ? "single-operator" : `withstands ${verdict.withstands ?? "?"} bad`,
  ].join(", ");

const ledger = process.env["LEDGER"] === "fabric" ? "fabric" : "embedded";
const PLACES = {
  embedded: "the embedded ledger",
  fabric: "a ledger of three organisations on Hyperledger Fabric",
} as const;

/** As @quanji/chaincode's `bundle` leaves it. */
const BUNDLE = fileURLToPath(new URL("../../../chaincode/dist/bundle/chaincode.cjs", import.meta.url));

/** `LEDGER=fabric`: the network that QUANJI_FABRIC_PROFILE leads to, or one of the demo's own. */
async function ownLedger(folder: string): Promise<OwnNetwork | undefined> {
  if (ledger === "embedded" || (process.env["QUANJI_FABRIC_PROFILE"] ?? "") !== "") return undefined;
  const own = await ownNetwork(path.join(folder, "network"), "demo");
  scene("A network: regulator, holder and exchange, each with a peer, and one orderer");
  await own.network.up(
    BUNDLE,
    progressTo((line) => process.stdout.write(`   ${line}`)),
  );
  return own;
}

/** `--witnesses N`; 0 without it. */
function witnessesWanted(args: readonly string[]): number {
  if (args.length === 0) return 0;
  const [flag, text = "", ...more] = args;
  const count = /^[1-9]$/.test(text) ? Number(text) : 0;
  if (flag !== "--witnesses" || more.length > 0 || count < MIN_WITNESSES || count > MAX_WITNESSES) {
    throw new Error(`usage: npm run demo [-- --witnesses N], N from ${MIN_WITNESSES} to ${MAX_WITNESSES}`);
  }
  if (ledger === "fabric") {
    throw new Error(
      "--witnesses is for the embedded ledger: on Fabric each witness follows a peer of its own organisation",
    );
  }
  return count;
}

async function main(): Promise<number> {
  const start = performance.now();
  const elapsed = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const folder = await mkdtemp(path.join(tmpdir(), "quanji-demo-"));
  const api = await startWeatherApi("demo-key");
  let gateway: GatewayProcess | undefined;
  let own: OwnNetwork | undefined;
  let witnesses: readonly DemoWitness[] = [];
  try {
    const wanted = witnessesWanted(process.argv.slice(2));
    console.log(
      "Quanji 权迹: who used which data, under whose authority. " + `One gateway, ${PLACES[ledger]}, real weather.`,
    );
    own = await ownLedger(folder);
    const source = { steward: CAST.bureau.party, kind: "http", format: "json", items: "/items", allowPrivate: true };
    const secret = { secretHeaders: { "x-api-key": "WEATHER_API_KEY" } };
    const port = await freePort();
    if (wanted > 0) {
      witnesses = await timed(`${wanted} witnesses, a process each`, () =>
        startWitnesses(path.join(folder, "witnesses"), wanted, `http://127.0.0.1:${port}`),
      );
    }
    gateway = await startGateway(
      path.join(folder, "data"),
      {
        port,
        ...(wanted > 0 && { witnesses: witnesses.map(({ row }) => row), publishBlocks: true }),
        sources: [
          {
            ...source,
            ...secret,
            resource: WEATHER,
            url: `${api.url}/days?from={from}&to={to}&location={eq.location}&limit={limit}`,
          },
          { ...source, ...secret, resource: PEOPLE, url: `${api.url}/observers?limit={limit}` },
        ],
      },
      { WEATHER_API_KEY: "demo-key", LEDGER: ledger, ...(own && { QUANJI_FABRIC_PROFILE: own.profile }) },
    );
    const totals = await story(folder, gateway, () => api.served(), elapsed, witnesses);
    note(`the whole story: ${elapsed()}`);
    console.log(
      JSON.stringify({
        demo: "ok",
        ledger,
        records: totals.records,
        permitted: totals.permitted,
        denied: totals.denied,
        trails_verified: totals.trails,
        tampered_refused: totals.refused,
        ...(wanted > 0 && { witnesses: wanted, withstands: totals.withstands, fork_proofs: totals.forkProofs }),
      }),
    );
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    console.log(JSON.stringify({ demo: "failed", ledger }));
    return 1;
  } finally {
    await gateway?.stop();
    for (const witness of witnesses) await witness.stop();
    await own?.[Symbol.asyncDispose]();
    await api.close();
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
