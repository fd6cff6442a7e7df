/** `npm run bundle -w @quanji/chaincode`: writes the bundle and prints its SHA-256 and place. */
import { writeBundle } from "./bundle.js";

const { file, sha256 } = await writeBundle();
process.stdout.write(`${sha256}  ${file}\n`);
