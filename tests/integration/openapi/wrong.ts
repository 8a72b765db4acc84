// Does not compile: each line marked "wrong" is refused, and no other.
import { get, type Schemas } from "./client";

export async function misuse(): Promise<void> {
  await get("/v1/campaign", {}); // wrong: no such path
  await get("/v1/quarantine/{id}/drop", { path: { id: "1" } }); // wrong: not a GET
  await get("/v1/campaigns/{campaign}", {}); // wrong: a path parameter is missing
  await get("/v1/campaigns", { query: { workspaces: "W" } }); // wrong: no such parameter
  await get("/v1/campaigns", { query: { limit: "100" } }); // wrong: a number
  await get("/v1/events", { query: { type: "Sended" } }); // wrong: not one of its words
  await get("/v1/events/{seq}", { path: { seq: "1" }, query: { format: "csv" } }); // wrong: no CSV

  const { campaigns, next } = await get("/v1/campaigns", {});
  campaigns[0].deliveryRate; // wrong: no such field
  next.length; // wrong: may be null
  campaigns.map(({ delivery_rate }) => delivery_rate * 100); // wrong: may be null

  const message = await get("/v1/messages/{sid}", { path: { sid: "SM0" } });
  message.conflict.valueOf(); // wrong: may be missing

  const event: Schemas["Event"] = message.receipts[0];
  if (event.type === "Bounced") return; // wrong: not one of its words
}
