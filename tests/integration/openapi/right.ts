// Compiles: the paths, parameters and answers are those of the api.
import { get, type Schemas } from "./client";

export async function deliveryRates(workspace: string): Promise<Map<string, number | null>> {
  const rates = new Map<string, number | null>();
  let next: string | undefined;
  do {
    const page = await get("/v1/campaigns", {
      query: { workspace, from: "2026-11-20", limit: 1000, next },
    });
    for (const campaign of page.campaigns) {
      rates.set(campaign.campaign, campaign.delivery_rate);
    }
    next = page.next ?? undefined;
  } while (next !== undefined);
  return rates;
}

export async function oldestPending(campaign: string): Promise<number> {
  const found = await get("/v1/campaigns/{campaign}", { path: { campaign } });
  return found.pending_ages.older;
}

export async function timeSeries(campaign: string): Promise<[Date, number][]> {
  const series = await get("/v1/campaigns/{campaign}/series", {
    path: { campaign },
    query: { interval: "day", tz: "Europe/Berlin" },
  });
  return series.points.map((point) => [new Date(point.time), point.delivered]);
}

export async function failures(after: number): Promise<Schemas["Event"][]> {
  const { events } = await get("/v1/events", { query: { after, type: "Failed" } });
  return events.filter((event) => event.error_code === null || event.error_code >= 30000);
}

export async function lastStatus(sid: string): Promise<string> {
  const message = await get("/v1/messages/{sid}", { path: { sid } });
  return message.receipts.at(-1)?.status ?? message.status ?? "unknown";
}

export async function mayText(number: string): Promise<boolean> {
  const found = await get("/v1/optouts/{number}", { path: { number }, query: { at: "2026-11-20" } });
  return found.scopes.every(({ state }) => state === "in");
}

export async function advice(): Promise<string[]> {
  const { failures } = await get("/v1/signature-failures", {});
  return failures.map((failure) => `${failure.url ?? failure.route}: ${failure.advice}`);
}

export async function whyNot(): Promise<string | null> {
  const { ready, why, gap } = await get("/readyz", {});
  return ready ? null : `${why}, ${gap?.entries ?? 0} entries are missing`;
}

export function done(work: Schemas["Rebuild"] | Schemas["Reverify"]): boolean {
  return work.state === "done" && work.error === null;
}
