/** `npm run test:attacks`: every mutation of real evidence, with the code that it was refused with. */
import { ATTACKS, prepareAttacks, untouched, verdictOn } from "../../../client/dist/verify/attacks.support.test.js";

async function main(): Promise<number> {
  await prepareAttacks();
  for (const [name, exhibit] of await untouched()) {
    const verdict = await verdictOn(exhibit);
    if (verdict !== "ok") throw new Error(`what is attacked does not verify untouched: ${name}: ${verdict}`);
  }
  let refused = 0;
  for (const { name, on, expected, exhibit } of ATTACKS) {
    const verdict = await verdictOn(await exhibit());
    if (verdict === expected) refused++;
    const told = verdict === expected ? verdict : `${verdict}, NOT ${expected}`;
    console.log(`${on.padEnd(8)} ${name.padEnd(66)} ${told}`);
  }
  console.log(JSON.stringify({ attacks: ATTACKS.length, refused }));
  return refused === ATTACKS.length ? 0 : 1;
}

// The chaincode's library logs what nobody catches, and ends the process as if all were well.
process.exitCode = await main().catch((error: unknown) => {
  console.error(error);
  return 1;
});
