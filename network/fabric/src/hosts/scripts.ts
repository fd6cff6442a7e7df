/**
 * How a process of a host is started there: a script beside it, which a systemd unit calls, and which `start.sh` calls where
 * there is no systemd. Both take programs from where the host's `environment` says.
 */
import path from "node:path";
import type { Program } from "../process/processes.js";

/** A word for the shell, with the folder `cwd` replaced by wherever the script is. */
const quoted = (text: string, cwd: string): string =>
  `"${text
    .split(cwd)
    .map((part) => part.replaceAll(/["\\`$]/g, "\\$&"))
    .join("${here}")}"`;

/**
 * The script for a program, relocatable: the program's folder is wherever the script is.
 * @param node the program's interpreter, as this machine calls it: replaced by the host's own
 */
export function runScript({ file, args, cwd, env }: Program, node = process.execPath): string {
  const program = file === node ? '"$NODE"' : `"$FABRIC_BIN/${path.basename(file)}"`;
  return [
    "#!/bin/sh",
    "set -eu",
    'here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)',
    '. "$here/../../environment"',
    'cd "$here"',
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value, cwd)}`),
    `exec ${[program, ...args.map((arg) => quoted(arg, cwd))].join(" ")}`,
    "",
  ].join("\n");
}

/** Edited on each host once. */
export const ENVIRONMENT = [
  "# Where this host keeps programs. Fabric's: https://github.com/hyperledger/fabric/releases, or `network -- build`.",
  ': "${FABRIC_BIN:=/usr/local/bin}"',
  ': "${NODE:=/usr/bin/node}"',
  "",
].join("\n");

/** @param prefix where the host's folder will lie @param script relative to it */
export const unit = ({ id, kind }: Program, prefix: string, script: string): string =>
  [
    "[Unit]",
    `Description=Quanji ${kind} ${id}`,
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    "User=quanji",
    `ExecStart=${path.posix.join(prefix, script)}`,
    "Restart=always",
    "RestartSec=1",
    "LimitNOFILE=65536",
    "NoNewPrivileges=true",
    "PrivateTmp=true",
    "ProtectHome=true",
    "ProtectSystem=strict",
    `ReadWritePaths=${path.posix.join(prefix, path.posix.dirname(script))}`,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");

/** One that has ended may stay listed until somebody asks for its end: Z. */
const ALIVE = 'alive() { case "$(ps -o stat= -p "$1" 2>/dev/null)" in "" | Z*) return 1 ;; esac; }';

/** Starts and ends all of a host's processes without systemd. Safe to repeat. */
export const startScript = (programs: readonly (readonly [id: string, script: string])[]): string =>
  [
    "#!/bin/sh",
    "# Starts what runs on this host and does not run yet; stop.sh ends it. Where there is systemd, use systemd/ instead.",
    "set -eu",
    'cd "$(dirname "$0")"',
    "mkdir -p logs pids",
    ALIVE,
    "start() {",
    '  if [ -f "pids/$1" ] && alive "$(cat "pids/$1")"; then',
    '    echo "$1 runs"',
    "    return",
    "  fi",
    '  nohup "./$2" >>"logs/$1.log" 2>&1 </dev/null &',
    '  echo $! >"pids/$1"',
    '  echo "$1 started, log: logs/$1.log"',
    "}",
    ...programs.map(([id, script]) => `start ${id} ${script}`),
    "",
  ].join("\n");

/** An orderer with listeners takes its time to end: after ten seconds it is ended. Ledgers bear that. */
export const STOP_SCRIPT = [
  "#!/bin/sh",
  "# Ends what start.sh started, and waits until it has ended.",
  "set -eu",
  'cd "$(dirname "$0")"',
  'each() { for file in pids/*; do [ ! -f "$file" ] || "$1" "${file#pids/}" "$(cat "$file")"; done; }',
  ALIVE,
  'ask() { kill "$2" 2>/dev/null || true; }',
  "end() {",
  "  tenths=0",
  '  while alive "$2"; do',
  '    [ "$tenths" -lt 100 ] || kill -9 "$2" 2>/dev/null || true',
  "    tenths=$((tenths + 1))",
  "    sleep 0.1",
  "  done",
  '  rm "pids/$1"',
  '  echo "$1 ended"',
  "}",
  "each ask",
  "each end",
  "",
].join("\n");
