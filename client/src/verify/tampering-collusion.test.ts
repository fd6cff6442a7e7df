/** What a gateway and the regulator can make together: records chained and signed as if they had been decided so. */
import { instant, type TrailLineOf } from "@quanji/chaincode/domain";
import { type FlattenedJws, sha256, utf8, hashText } from "@quanji/chaincode/log";
import { expect } from "chai";
import { BY_COLLUSION } from "./attacks-collusion.support.test.js";
import { collude, LOG, NET, RESOURCE, URLS } from "./support.test.js";
import { at, child, lines, prepare, recordsOf, table, verdictOf, world } from "./tampering.support.test.js";

describe("a trail that was tampered with", () => {
  before(prepare);

  describe("by a gateway and the regulator together", () => {
    it("their own forgery without a lie verifies", async () => {
      expect(await verdictOf(await collude(lines, () => true))).to.equal("ok");
    });
    table(BY_COLLUSION);

    it("51 one request recorded twice, and two requests with one number: REQUEST_REPLAYED", async () => {
      const twice = await collude(lines.toSpliced(at("record", 3), 0, lines[at("record")]!), (record, n) => {
        if (n < 3) return true;
        record.face["index"] = Number(record.face["index"]) + 10;
        if (n === 3)
          Object.assign(record.body, {
            used: 1,
            time: recordTime(2),
            deliverBefore: instant(Date.parse(recordTime(2)) + 30_000),
          });
        return true;
      });
      expect(await verdictOf(twice)).to.equal("TRAIL_INCOMPLETE · REQUEST_REPLAYED");
    });
    const recordTime = (i: number): string =>
      (JSON.parse(recordsOf(lines)[i]!.r.split("\n")[1]!) as { time: string }).time;

    it("62 a request for another gateway: URL_MISMATCH; of another command: TYP_MISMATCH", async () => {
      const changed = async (make: (q: FlattenedJws) => Promise<FlattenedJws>) =>
        collude(lines, async (record, n) => {
          if (n !== 0) return true;
          record.q = await make(record.q!);
          record.body["request"] = hashText(sha256(utf8(`${record.q.protected}.${record.q.payload}`)));
          return true;
        });
      const clock = world.nowMs;
      world.nowMs = Date.parse(recordTime(0));
      const payload = JSON.parse(Buffer.from(recordsOf(lines)[0]!.q!.payload, "base64url").toString()) as object;
      const other = await changed(() => world.signed("access", payload, "insurer", { url: `${URLS.gx}/v1/access` }));
      const voided = await changed(() => world.signed("access.void", { net: NET, log: LOG, seq: 0 }, "insurer"));
      world.nowMs = clock;
      expect(await verdictOf(other)).to.equal("PROOF_INVALID · URL_MISMATCH");
      expect(await verdictOf(voided)).to.equal("PROOF_INVALID · TYP_MISMATCH");
    });

    it("52c two records at one position: CHAIN_FORK", async () => {
      const first = await collude(lines, () => true);
      const second = await collude(lines, (record, n) => {
        if (n === 1) record.body["rows"] = 2;
        return true;
      });
      const fork = first.toSpliced(at("record", 2), 0, second[at("record", 1)]!);
      expect(await verdictOf(fork)).to.equal("PROOF_INVALID · CHAIN_FORK");
    });

    it("36 a chain that begins elsewhere: CHAIN_KEY", async () => {
      const header = lines[0] as TrailLineOf<"trail">;
      const other = await collude([{ ...header, key: { kind: "grant", id: child } }, ...lines.slice(1)], () => true);
      expect(await verdictOf([header, ...other.slice(1)])).to.equal("TRAIL_INCOMPLETE · CHAIN_KEY");
    });

    it("a record that hides the grant that was asked for: LINK_MISSING", async () => {
      const all = await world.trailLines("resource", RESOURCE);
      const forged = await collude(all, (record, n) => {
        if (n !== 7) return true;
        delete record.body["grant"];
        delete record.body.basis["grant"];
        delete record.body.links["grant"];
        delete record.body["deliverBefore"];
        Object.assign(record.body, { rule: "GRANT_MISSING", used: 0 });
        record.face["decision"] = "deny";
        return true;
      });
      expect(await verdictOf(forged)).to.equal("TRAIL_INCOMPLETE · LINK_MISSING");
    });
  });
});
