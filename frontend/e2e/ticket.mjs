// Follows a subscription by an EventSource that a ticket opens, as a page of another origin does, and prints what it saw.
//
//   node e2e/ticket.mjs <app's base URL> <gateway's base URL> <API key> <subscription>
//
// Prints one JSON object: the first event by the ticket (`first`), the content coding that
// the stream came in (`coding`), and whether an EventSource with the same ticket was refused for good (`again`).

import { withBrowser } from "./browser.mjs";

const PATIENCE_MILLISECONDS = 20_000;

async function follow([gateway, key, query]) {
  const headers = { "content-type": "application/json", "x-api-key": key };
  const given = await fetch(`${gateway}/graphql/ticket`, { method: "POST", headers, body: "{}" });
  const { ticket } = await given.json();
  const address = `${gateway}/graphql?${new URLSearchParams({ query, ticket })}`;
  const outcome = () =>
    new Promise((resolve) => {
      const source = new EventSource(address);
      source.addEventListener("next", ({ data, lastEventId }) => {
        source.close();
        resolve({ data: JSON.parse(data), hasCursor: lastEventId !== "" });
      });
      source.onerror = () => resolve({ closed: source.readyState === EventSource.CLOSED });
    });
  return { first: await outcome(), again: await outcome() };
}

const [app, ...given] = process.argv.slice(2);
if (given.length !== 3) {
  console.error("usage: node e2e/ticket.mjs <app's base URL> <gateway's base URL> <API key> <subscription>");
  process.exit(2);
}
const seen = await withBrowser(async (context) => {
  context.setDefaultTimeout(PATIENCE_MILLISECONDS);
  const page = context.pages()[0];
  const coding = new Promise((resolve) => {
    page.on("response", (response) => {
      if (response.headers()["content-type"]?.startsWith("text/event-stream")) resolve(response.headers()["content-encoding"]);
    });
  });
  await page.goto(app);
  const followed = await page.evaluate(follow, given);
  return { ...followed, coding: await coding };
});
console.log(JSON.stringify(seen));
