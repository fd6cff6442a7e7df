/** What a log holds beside accesses and deliveries, and what is done to records afterwards: one of each kind, by whose business it is. */
import { instant, quarterOf, recordLeaf, splitRecordText } from "@quanji/chaincode/domain";
import { hashText, sha256Text } from "@quanji/chaincode/log";
import { Client, generateKey, openSigner } from "@quanji/client";
import { LOG } from "./host.js";
import { IDS, RESOURCE, type Stage } from "./stage.js";

/** What a trail of the resource holds of it. */
export interface Afterwards {
  /** Requests whose access was accepted, was erased, was sealed for a time that is over, and is sealed. */
  readonly accepted: string;
  readonly erased: string;
  readonly unsealed: string;
  readonly sealed: string;
}

const HOUR_MS = 3_600_000;

/** An acceptance, a tally, an erasure, two seals of which one is lifted, and an index of subjects. */
export async function doAfterwards(stage: Stage, grant: string): Promise<Afterwards> {
  const used = async (): Promise<string> => (await stage.use("insurer", stage.access(grant))).request ?? "";
  const insurer = await stage.client("insurer", { accept: true });
  const { access } = await insurer.fetch(stage.access(grant));
  const [erased, unsealed, sealed] = [await used(), await used(), await used()];
  await tally(stage, access.receipt.record.face.index + 1);
  await erase(stage, erased);
  const order = await seal(stage, unsealed);
  await seal(stage, sealed);
  const regulator = await stage.client("regulator");
  await regulator.send("record.unseal", { resource: RESOURCE, order }, { ground: { value: "the case is closed" } });
  await indexed(stage);
  return { accepted: access.request, erased, unsealed, sealed };
}

/** By a key of the steward's source. */
async function tally(stage: Stage, to: number): Promise<void> {
  const signer = await openSigner({ jwk: await generateKey("EdDSA"), party: IDS.bureau });
  await (await stage.client("bureau")).parties.rotateKey(signer, { purpose: "tally" });
  const { address, clock } = stage.host;
  const source = await Client.connect({ gateway: address, key: signer, trust: await stage.trust(), clock });
  try {
    await source.send("tally.sign", { log: LOG, resource: RESOURCE, from: 0, to, served: 1 });
  } finally {
    await source.close();
  }
}

async function erase(stage: Stage, request: string): Promise<void> {
  const bureau = await stage.client("bureau");
  const { access } = await (await stage.client("insurer")).receipt(request);
  const records = [];
  for await (const one of bureau.erasures.kept(RESOURCE)) {
    if (one.index === access.record.face.index) records.push(one);
  }
  for await (const _sent of bureau.erasures.erase(RESOURCE, records, "request")) continue;
}

/** @returns the order's id */
async function seal(stage: Stage, request: string): Promise<string> {
  const regulator = await stage.client("regulator");
  const { access } = await regulator.receipt(request);
  const order = regulator.newId();
  const leaf = hashText(recordLeaf(splitRecordText(access.receipt.record)));
  await regulator.send(
    "record.seal",
    {
      resource: RESOURCE,
      log: LOG,
      order,
      authority: "court",
      until: instant(stage.host.clock() + HOUR_MS),
      records: [{ index: access.record.face.index, leaf }],
    },
    { ground: { value: "case 31" } },
  );
  return order;
}

/** A trail that has to reach to now makes an index of every log, whomever it asks about. */
async function indexed(stage: Stage): Promise<void> {
  const tags = [{ quarter: quarterOf(stage.host.clock(), "+08:00"), tag: sha256Text("nobody") }];
  const regulator = await stage.client("regulator");
  for await (const _line of regulator.subjectTrail(IDS.bureau, tags, { fresh: true })) continue;
}
