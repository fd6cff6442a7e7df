import { mkdir } from "node:fs/promises";
import { type Command } from "commander";
import { ENVIRONMENTS, QuanjiError } from "@quanji/chaincode/domain";
import type { Client } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { type Options, UsageError } from "../options.js";
import type { Result } from "../output.js";
import { declare, type Runtime } from "../program.js";
import { isLoopback } from "../proxy/guard.js";
import { type ProxyOptions, startProxy } from "../proxy/server.js";

const DEFAULT_LISTEN = "127.0.0.1:8479";
/** Sequence numbers written down at once: a sync to disk each time would be the slowest part of an access. */
const RESERVE = 16;

export function proxyCommands(program: Command, runtime: Runtime): void {
  declare(program, runtime, [
    {
      usage: "proxy",
      summary:
        "Serve granted data to the programs of this machine by plain HTTP GET: it signs, checks, and keeps every receipt.",
      options: [
        ["--listen <address>", `host:port (default: ${DEFAULT_LISTEN}); beyond loopback only with TLS and a token`],
        ["--receipts <folder>", "where receipts are kept (default: receipts)"],
        ["--purpose <code>", "purpose of requests that name none"],
        ["--grant <id>", "grant of requests that name none"],
        ["--operator <who>", "who or what acts; committed to, never public (default: the profile's)"],
        ["--tls-cert <file>", "certificate chain (PEM)"],
        ["--tls-key <file>", "its private key (PEM)"],
        ["--token-env <var>", "variable that holds the token which callers must send: Authorization: Bearer …"],
        ["--host-name <name>...", "a further name under which it may be called"],
      ],
      examples: [
        "proxy --purpose insurance.pricing",
        "proxy --listen 10.0.0.5:8479 --tls-cert c.pem --tls-key k.pem --token-env PROXY_TOKEN --host-name data.bank.example",
      ],
      run: serve,
    },
  ]);
}

async function serve(context: Context, _args: readonly string[], options: Options): Promise<Result> {
  const { host, port } = parseListen(options.text("listen") ?? DEFAULT_LISTEN);
  const security = await securityOf(context, host, options);
  const receipts = context.path(options.text("receipts") ?? "receipts");
  await mkdir(receipts, { recursive: true, mode: 0o700 });
  const client = await context.connect(await context.key(), { seqReserve: RESERVE });
  try {
    await voidLost(client);
    const { io } = context;
    const defaults = await defaultsOf(context, options);
    const names = options.many("hostName");
    const proxy = await startProxy({
      client,
      host,
      port,
      names,
      receipts,
      defaults,
      clock: io.clock,
      report: (text) => io.stderr(text),
      ...security,
    }).catch((cause: unknown) => {
      throw new QuanjiError("CONFIG_INVALID", `cannot listen on ${host}:${port}`, { field: "listen", cause });
    });
    io.stderr(`ready ${proxy.url}   e.g. curl '${proxy.url}/res/NAME?limit=10&as=csv'   receipts in ${receipts}\n`);
    await io.stopped();
    await proxy.close();
    return { json: { listened: proxy.url }, text: "" };
  } finally {
    await client.close();
  }
}

/** What an earlier run handed out and a crash kept from being sent. */
async function voidLost(client: Client): Promise<void> {
  for (const log of client.ownLogs) await client.voidLost(log);
}

async function defaultsOf(context: Context, options: Options): Promise<ProxyOptions["defaults"]> {
  const { profile } = await context.profile();
  const [purpose, grant, operator] = [
    options.text("purpose"),
    options.text("grant"),
    options.text("operator") ?? profile.operator,
  ];
  return {
    environment: ENVIRONMENTS.find((kind) => kind === profile.environment) ?? "api",
    ...(profile.jurisdiction !== undefined && { jurisdiction: profile.jurisdiction }),
    ...(operator !== undefined && { operator }),
    ...(purpose !== undefined && { purpose }),
    ...(grant !== undefined && { grant }),
  };
}

export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new UsageError(`--listen looks like ${DEFAULT_LISTEN}`);
  return { host, port: Number(port) };
}

/** Beyond loopback: only encrypted, and only for who knows the token. */
async function securityOf(
  context: Context,
  host: string,
  options: Options,
): Promise<Pick<ProxyOptions, "tls" | "token">> {
  const [cert, key, variable] = [options.text("tlsCert"), options.text("tlsKey"), options.text("tokenEnv")];
  const token = variable === undefined ? undefined : context.io.env[variable];
  if (variable !== undefined && (token === undefined || token.length < 16)) {
    throw new UsageError(`the variable ${variable} must hold a token of at least 16 characters`);
  }
  if ((cert === undefined) !== (key === undefined)) throw new UsageError("--tls-cert and --tls-key go together");
  if (!isLoopback(host) && (cert === undefined || token === undefined)) {
    throw new UsageError(
      `${host} is not loopback: whoever reaches the proxy has data in your name; give --tls-cert, --tls-key and --token-env`,
    );
  }
  return {
    ...(cert !== undefined &&
      key !== undefined && {
        tls: { cert: await context.read(context.path(cert)), key: await context.read(context.path(key)) },
      }),
    ...(token !== undefined && { token }),
  };
}
