/** Data subjects on a stage: a table about persons, its steward's tag key in escrow, uses of it, and persons' trails. */
import path from "node:path";
import { quarterOf, type SubjectTags } from "@quanji/chaincode/domain";
import {
  generateKey,
  openSigner,
  type PartyKeyPair,
  tagOf,
  type TagKeyRing,
  withNewTagKey,
  writeTagKeys,
} from "@quanji/client";
import { systemRandom } from "@quanji/client/browser";
import { type Verdict, verifyTrail } from "@quanji/client/verify";
import type { LocalHost } from "./host.js";
import { NET } from "./host.js";
import { type Ended, IDS, Stage, type StageOptions } from "./stage.js";
import { until } from "./until.js";

export const PEOPLE = "res/people.credit";

/** A configuration by which the source tells persons by a field, with the steward's tag keys at hand. See {@link People.lend}. */
export const toldBy =
  (field: string): NonNullable<StageOptions["configFor"]> =>
  ({ url }) => ({
    sources: [
      {
        resource: PEOPLE,
        steward: IDS.bureau,
        kind: "http",
        format: "json",
        items: "/items",
        url: `${url}/days`,
        allowPrivate: true,
        subjects: { field, keys: KEYS_FILE },
      },
    ],
  });
const KEYS_FILE = "tags.json";

export interface TrailWish {
  readonly bulk?: boolean;
  readonly fresh?: boolean;
  readonly from?: string;
  readonly to?: string;
}

export class People {
  readonly stage: Stage<LocalHost>;
  readonly escrow: PartyKeyPair;
  readonly grant: string;
  ring: TagKeyRing;

  private constructor(stage: Stage<LocalHost>, escrow: PartyKeyPair, ring: TagKeyRing, grant: string) {
    this.stage = stage;
    this.escrow = escrow;
    this.ring = ring;
    this.grant = grant;
  }

  /** With the key of the present quarter registered, and a grant to the insurer. */
  static async open(config?: StageOptions["configFor"]): Promise<People> {
    const stage = await Stage.open({ resources: [PEOPLE], ...(config !== undefined && { configFor: config }) });
    try {
      return await People.on(stage);
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  private static async on(stage: Stage<LocalHost>): Promise<People> {
    await stage.register(PEOPLE, { subjectKind: "person" });
    const escrow = { jwk: await generateKey("ES256"), party: IDS.regulator };
    const signer = await openSigner({ jwk: escrow.jwk, party: IDS.regulator });
    await (await stage.client("regulator")).parties.rotateKey(signer, { purpose: "escrow" });
    const grant = await stage.granted("insurer", {}, { resource: PEOPLE });
    const people = new People(stage, escrow, { net: NET, party: IDS.bureau, keys: {} }, grant);
    await people.addKey();
    return people;
  }

  /** The quarter that the stage's clock stands in. */
  get quarter(): string {
    return quarterOf(this.stage.host.clock(), "+08:00");
  }

  /** Makes and registers the key of the present quarter. */
  async addKey(): Promise<void> {
    this.ring = withNewTagKey(this.ring, this.quarter, systemRandom);
    await (await this.stage.client("bureau")).tagKeys.register(this.ring, this.quarter);
  }

  /** The steward lends the gateway its tag keys. */
  lend(): Promise<void> {
    return writeTagKeys(path.join(this.stage.host.data, "sources", KEYS_FILE), this.ring);
  }

  tag(who: string, quarter = this.quarter): string {
    return tagOf(this.ring, quarter, who);
  }

  /** Her tags of all quarters that have a key. */
  tagsOf(who: string): SubjectTags {
    const quarters = Object.keys(this.ring.keys).sort();
    return quarters.map((quarter) => ({ quarter, tag: this.tag(who, quarter) }));
  }

  /** One use; of a permit, what was handed over is on the ledger then. */
  async use(who: readonly string[], change: object = {}): Promise<Ended> {
    const about = who.length > 0 && { subjects: who.map((each) => this.tag(each)) };
    const ended = await this.stage.use(
      "insurer",
      this.stage.access(this.grant, { resource: PEOPLE, ...about, ...change }),
    );
    const client = await this.stage.client("insurer");
    const isPermit = ended.outcome === "permit" || ended.outcome === "undelivered";
    if (isPermit) await until(async () => (await client.receipt(ended.request ?? "")).delivery);
    return ended;
  }

  async trailOf(tags: SubjectTags, wish: TrailWish = {}, by: "bureau" | "regulator" = "bureau"): Promise<string> {
    let text = "";
    const client = await this.stage.client(by);
    for await (const line of client.subjectTrail(IDS.bureau, tags, { fresh: true, ...wish })) text += `${line}\n`;
    return text;
  }

  async verify(text: string): Promise<Verdict> {
    return verifyTrail(text, await this.stage.trust());
  }

  close(): Promise<void> {
    return this.stage.close();
  }
}
