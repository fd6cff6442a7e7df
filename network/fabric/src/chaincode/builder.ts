/**
 * The peer's external builder: three scripts that turn an installed package into "connect to the server beside this peer".
 * The address comes from outside the package (`<addresses>/<label>`), so that one package, hence one id, serves all peers.
 */
import { chmod } from "node:fs/promises";
import path from "node:path";
import { ADDRESSES } from "../config/peer.js";
import { write } from "../tools/files.js";

/** In a package's metadata.json. */
export const PACKAGE_TYPE = "quanji-service";

/** Arguments: source, metadata. Ours are the packages that say so. */
const DETECT = `#!/bin/sh
exec grep -q '"type":"${PACKAGE_TYPE}"' "$2/metadata.json"
`;

/** Arguments: source, metadata, output. Keeps what the package commits to: the bundle's digest, and the package's label. */
const BUILD = `#!/bin/sh
set -eu
cp "$1/bundle.sha256" "$3/bundle.sha256"
sed -n 's/.*"label":"\\([^"]*\\)".*/\\1/p' "$2/metadata.json" >"$3/label"
`;

/** Arguments: build output, release output. */
const RELEASE = `#!/bin/sh
set -eu
label=$(cat "$1/label")
file="\${${ADDRESSES}:?is not set for this peer}/$label"
if ! address=$(cat "$file"); then
  echo "no address for the chaincode server of $label: $file" >&2
  exit 1
fi
mkdir -p "$2/chaincode/server"
printf '{"address":"%s","dial_timeout":"5s","tls_required":false}\\n' "$address" >"$2/chaincode/server/connection.json"
`;

export async function writeBuilder(peerFolder: string): Promise<void> {
  for (const [name, script] of [
    ["detect", DETECT],
    ["build", BUILD],
    ["release", RELEASE],
  ] as const) {
    const file = path.join(peerFolder, "builder", "bin", name);
    await write(file, script, 0o755);
    await chmod(file, 0o755);
  }
}
