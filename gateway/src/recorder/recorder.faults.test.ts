import { faultTable } from "./fault-table.support.test.js";
import { MemoryWorld } from "./memory-world.support.test.js";

describe("recorder: fault table, over a ledger in memory", () => {
  faultTable(() => new MemoryWorld());
});
