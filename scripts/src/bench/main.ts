/** `npm run bench -- NAME [--option N …]`: measures, prints a table and, last, one JSON line. */
import { benchEmbedded } from "./embedded.js";
import { benchFabric } from "./fabric.js";
import { parseOptions } from "./options.js";
import { benchSettle } from "./settle.js";
import { benchVerify } from "./verify.js";

const BENCHES: Readonly<Record<string, (options: ReadonlyMap<string, number>) => Promise<object>>> = {
  embedded: benchEmbedded,
  fabric: benchFabric,
  settle: benchSettle,
  verify: benchVerify,
};

async function main(): Promise<number> {
  const [name = "", ...rest] = process.argv.slice(2);
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(
      `usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--seconds N] [--parties N] [--resources N] [--connections N] [--records N] [--deliveries N] [--contracts N]`,
    );
    return 2;
  }
  const result = await bench(parseOptions(rest));
  console.log(JSON.stringify(result));
  return 0;
}

process.exitCode = await main();
