/** A weather bureau's API, as any bureau might have one: knows nothing of Quanji, wants an API key, serves real tables. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** The package exports its code only; its tables lie beside it. */
const DATA = new URL("../data/", import.meta.resolve("vega-datasets"));

type Row = Readonly<Record<string, string>>;

/** The demo's tables hold no quotes: plain comma-separated lines. */
async function table(name: string): Promise<readonly Row[]> {
  const text = await readFile(new URL(name, DATA), "utf8");
  const [head = "", ...lines] = text.trim().split(/\r?\n/);
  const names = head.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i] ?? "", value])));
}

export interface WeatherApi {
  readonly url: string;
  /** Requests answered with data so far. */
  served(): number;
  close(): Promise<void>;
}

export async function startWeatherApi(apiKey: string): Promise<WeatherApi> {
  const [weather, people] = await Promise.all([table("weather.csv"), table("lookup_people.csv")]);
  let served = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (request.headers["x-api-key"] !== apiKey) {
      response.writeHead(401).end();
      return;
    }
    const rows = url.pathname === "/days" ? days(weather, url.searchParams) : people.map(observer);
    served++;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ items: rows.slice(0, Number(url.searchParams.get("limit") ?? rows.length)) }));
  };
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return {
    url: `http://127.0.0.1:${address.port}`,
    served: () => served,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const observer = ({ name, age, height }: Row) => ({ name, age: Number(age), height: Number(height) });

function days(rows: readonly Row[], query: URLSearchParams): readonly unknown[] {
  const [from, to, location] = [query.get("from"), query.get("to"), query.get("location")];
  return rows
    .filter(
      (row) =>
        (from === null || (row["date"] ?? "") >= from.slice(0, 10)) &&
        (to === null || (row["date"] ?? "") < to.slice(0, 10)) &&
        (location === null || row["location"] === location),
    )
    .map(({ location: place, date, precipitation, temp_max, temp_min, wind, weather }) => ({
      location: place,
      date,
      precipitation: Number(precipitation),
      temp_max: Number(temp_max),
      temp_min: Number(temp_min),
      wind: Number(wind),
      weather,
    }));
}
