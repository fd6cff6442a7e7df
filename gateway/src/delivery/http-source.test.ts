import type { RequestListener, ServerResponse } from "node:http";
import { inspect } from "node:util";
import { expect } from "chai";
import { openSource, parseBindings, type SourceEnvironment } from "./bindings.js";
import type { SourceRequest } from "./source.js";
import { plan, rejected, rowsOf, serve, type TestServer } from "./support.test.js";

const ROWS = [
  { date: "2026-01-01", station: "S1", tempMax: 12.8, secret: "never leaves" },
  { date: "2026-01-02", station: "S2", tempMax: -0.5, secret: "never leaves" },
  { date: "2026-01-03", station: "S1", tempMax: 3, secret: "never leaves" },
];
const requested = ["date", "station"];
const ALL = ROWS.map(({ date, station }) => ({ date, station }));

const json = (response: ServerResponse, body: unknown, headers: Record<string, string> = {}): void => {
  const text = JSON.stringify(body);
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
};

interface Setting {
  readonly binding?: object;
  readonly environment?: Partial<SourceEnvironment>;
  readonly path?: string;
  readonly host?: string;
}

/** One access to a source that the listener plays; returns rows and what the server saw. */
async function ask(listener: RequestListener, request: SourceRequest, setting: Setting = {}) {
  await using server = await serve(listener);
  const rows = await askAt(server, request, setting);
  return { rows, asked: server.asked };
}

async function askAt(
  server: TestServer,
  request: SourceRequest,
  { binding, environment, path = "/", host = "127.0.0.1" }: Setting,
) {
  const common = {
    resource: "res/weather",
    steward: "urn:quanji:bureau",
    kind: "http",
    format: "json",
    allowPrivate: true,
  };
  const [parsed] = parseBindings([{ ...common, url: `http://${host}:${server.port}${path}`, ...binding }]);
  const source = openSource(parsed!, { folder: "/nowhere", variables: {}, ...environment });
  try {
    return await rowsOf(source, request);
  } finally {
    await source.close();
  }
}

const failure = async (listener: RequestListener, setting: Setting = {}, request = plan({}, { requested })) => {
  const error = await rejected(() => ask(listener, request, setting));
  expect(error.code).to.equal("SOURCE_FAILED");
  return error;
};

describe("http source", () => {
  it("asks by the template and gives the requested fields only", async () => {
    const request = plan({ where: [{ field: "station", op: "eq", value: "S1" }], limit: 1 }, { requested });
    const { rows, asked } = await ask((_, response) => json(response, [ROWS[0]]), request, {
      path: "/days?st={eq.station}&max={limit}",
    });
    expect(asked).to.deep.equal(["/days?st=S1&max=1"]);
    expect(rows).to.deep.equal([ALL[0]]);
  });

  it("reads rows inside a document, NDJSON and CSV", async () => {
    const request = plan({}, { requested });
    const document = await ask((_, response) => json(response, { data: { items: ROWS } }), request, {
      binding: { items: "/data/items" },
    });
    const lines = await ask(
      (_, response) => void response.end(ROWS.map((row) => `${JSON.stringify(row)}\n`).join("")),
      request,
      {
        binding: { format: "ndjson" },
      },
    );
    const table = await ask((_, response) => void response.end("station,date\r\nS1,2026-01-01\r\n"), request, {
      binding: { format: "csv" },
    });
    expect(document.rows).to.deep.equal(ALL);
    expect(lines.rows).to.deep.equal(ALL);
    expect(table.rows).to.deep.equal([ALL[0]]);
  });

  it("a source that ignores conditions, range, limit and after cannot over-deliver", async () => {
    const query = { where: [{ field: "station", op: "eq", value: "S1" }], limit: 1 };
    const range = { from: "2026-01-02", to: "2026-02-01" };
    const path = "/?st={eq.station}&from={from}&to={to}&max={limit}&skip={after}";
    const { rows } = await ask((_, response) => json(response, ROWS), plan(query, { requested, range }), { path });
    expect(rows).to.deep.equal([ALL[2]]);
  });

  it("sends the credential that the environment holds, and asks for no compression", async () => {
    let headers: unknown;
    const listener: RequestListener = (request, response) => {
      headers = request.headers;
      json(response, []);
    };
    await ask(listener, plan({}, { requested }), {
      binding: { secretHeaders: { authorization: "TOKEN" }, headers: { "x-unit": "bureau" } },
      environment: { variables: { TOKEN: "Bearer s3cret" } },
    });
    expect(headers).to.include({ authorization: "Bearer s3cret", "x-unit": "bureau", "accept-encoding": "identity" });
  });

  it("shows neither credential nor query in any failure", async () => {
    const request = plan({ where: [{ field: "station", op: "eq", value: "440301199001011234" }] }, { requested });
    const setting = {
      path: "/?id={eq.station}",
      binding: { secretHeaders: { authorization: "TOKEN" }, timeoutMs: 30 },
      environment: { variables: { TOKEN: "Bearer s3cret" } },
    };
    const listeners: RequestListener[] = [
      (incoming) => void incoming.socket.destroy(),
      (_, response) => void response.writeHead(500).end("440301199001011234 s3cret"),
      (_, response) => void response.end("[440301199001011234 s3cret"),
      () => undefined,
    ];
    for (const listener of listeners) {
      const shown = inspect(await failure(listener, setting, request), { depth: 20, showHidden: true });
      expect(shown).to.not.contain("4403").and.not.contain("s3cret");
    }
  });
});

describe("http source: sources that misbehave", () => {
  const details: [string, string, RequestListener, object?][] = [
    ["never answers", "TIMEOUT", () => undefined, { timeoutMs: 30 }],
    [
      "stops in the middle and keeps the line",
      "TIMEOUT",
      (_, response) => void response.writeHead(200, { "content-length": "100" }).write('[{"date":'),
      { timeoutMs: 30 },
    ],
    [
      "is cut in the middle",
      "BROKE_OFF",
      (_, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write('[{"date":', () => response.destroy());
      },
    ],
    [
      "is cut between two chunks",
      "BROKE_OFF",
      (_, response) => void response.write('{"date":"2026-01-01","station":"S1"}\n', () => response.destroy()),
      { format: "ndjson" },
    ],
    ["hangs up at once", "UNREACHABLE", (request) => void request.socket.destroy()],
    ["answers with an error", "STATUS_500", (_, response) => void response.writeHead(500).end("[]")],
    ["answers with nothing", "STATUS_204", (_, response) => void response.writeHead(204).end()],
    [
      "answers in wrong types",
      "TYPE_MISMATCH",
      (_, response) => json(response, [{ date: "yesterday", station: "S1" }]),
    ],
    ["answers something else", "JSON_INVALID", (_, response) => json(response, { error: "no" })],
    ["answers in a page", "JSON_INVALID", (_, response) => void response.end("<html>log in</html>")],
    ["answers compressed", "ENCODED", (_, response) => json(response, [], { "content-encoding": "gzip" })],
    [
      "announces too much",
      "TOO_LARGE",
      (_, response) => void response.writeHead(200, { "content-length": "1001" }).write("["),
      { maxBytes: 1000 },
    ],
    ["sends too much", "TOO_LARGE", endless, { maxBytes: 100_000 }],
    ["sends one endless line", "JSON_INVALID", endless, { format: "ndjson" }],
    ["sends one endless cell", "CSV_INVALID", endless, { format: "csv" }],
    [
      "says nothing about the length of its answer",
      "UNFRAMED",
      (_, response) => void response.socket!.end("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[]"),
    ],
    ["speaks no HTTP", "UNREACHABLE", (_, response) => void response.socket!.end("SSH-2.0-x\r\n")],
  ];
  for (const [name, detail, listener, binding] of details) {
    it(`${name} → ${detail}`, async () => {
      expect((await failure(listener, binding === undefined ? {} : { binding })).detail).to.equal(detail);
    });
  }

  it("redirects are not followed", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const listener: RequestListener = (_, response) =>
        void response.writeHead(status, { location: "/elsewhere" }).end();
      await using server = await serve(listener);
      const error = await rejected(() => askAt(server, plan({}, { requested }), {}));
      expect([error.detail, server.asked.length]).to.deep.equal([`STATUS_${status}`, 1]);
    }
  });

  it("ends with the signal while the source hangs", async () => {
    const controller = new AbortController();
    await using server = await serve(() => {
      controller.abort(new Error("client left"));
    });
    const [binding] = parseBindings([
      { resource: "res/a", steward: "urn:a:b", kind: "http", format: "json", allowPrivate: true, url: server.origin },
    ]);
    const source = openSource(binding!, { folder: "/nowhere", variables: {} });
    await rowsOf(source, plan({}, { requested }), controller.signal).then(
      () => expect.fail("nothing was rejected"),
      (error: unknown) => expect((error as Error).message).to.equal("client left"),
    );
    await source.close();
  });
});

describe("http source: addresses", () => {
  const listener: RequestListener = (_, response) => json(response, ROWS);

  it("a name that leads to loopback is not called", async () => {
    await using server = await serve(listener);
    const [binding] = parseBindings([
      {
        resource: "res/a",
        steward: "urn:a:b",
        kind: "http",
        format: "json",
        url: `https://source.test:${server.port}/`,
      },
    ]);
    for (const address of ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"]) {
      const resolver = () => Promise.resolve([address]);
      const source = openSource(binding!, { folder: "/nowhere", variables: {}, resolver });
      const error = await rejected(() => rowsOf(source, plan({}, { requested })));
      expect([error.code, error.detail], address).to.deep.equal(["SOURCE_FAILED", "ADDRESS_REFUSED"]);
      await source.close();
    }
    expect(server.asked).to.deep.equal([]);
  });

  it("DNS rebinding: the connection goes where the check looked, and the name is asked once", async () => {
    let asked = 0;
    const resolver = () => Promise.resolve(asked++ === 0 ? ["127.0.0.1"] : ["169.254.169.254"]);
    const { rows } = await ask(listener, plan({}, { requested }), { host: "source.test", environment: { resolver } });
    expect(rows).to.deep.equal(ALL);
    expect(asked).to.equal(1);
  });

  it("link-local stays refused where private networks are allowed", async () => {
    const resolver = () => Promise.resolve(["169.254.169.254"]);
    expect((await failure(listener, { host: "source.test", environment: { resolver } })).detail).to.equal(
      "ADDRESS_REFUSED",
    );
  });

  it("a name that does not resolve fails", async () => {
    const resolver = () => Promise.reject(new Error("ENOTFOUND"));
    expect((await failure(listener, { host: "source.test", environment: { resolver } })).detail).to.equal(
      "NAME_UNKNOWN",
    );
  });
});

/** Writes for as long as somebody reads. */
function endless(_: unknown, response: ServerResponse): void {
  const write = (): void => {
    if (!response.destroyed) response.write("x".repeat(65_536), write);
  };
  write();
}
