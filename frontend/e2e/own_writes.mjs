// Reads by GET, changes what it read, and reads again as a page in a real Chromium does, with the browser's own cache.
//
//   node e2e/own_writes.mjs <gateway's base URL> <query> <mutation>
//
// Prints one JSON object: the data `before` the mutation and `after` it, and of each of the three GETs how many bytes
// of its body came over the network (`fetched`; 0 where the browser was told that it has them already).

import { withBrowser } from "./browser.mjs";

async function readChangeRead([query, mutation]) {
  const address = `/graphql?query=${encodeURIComponent(query)}`;
  const read = async () => (await (await fetch(address)).json()).data;
  const before = await read();
  await read();
  const headers = { "content-type": "application/json" };
  await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query: mutation }) });
  const after = await read();
  const timings = performance.getEntriesByName(new URL(address, location.href).href);
  // A response of headers alone is told as 300 bytes, whatever it had.
  const fetched = timings.map(({ transferSize }) => Math.max(0, transferSize - 300));
  return { before, after, fetched };
}

const [baseUrl, query, mutation] = process.argv.slice(2);
if (!mutation) {
  console.error("usage: node e2e/own_writes.mjs <gateway's base URL> <query> <mutation>");
  process.exit(2);
}
const seen = await withBrowser(async (context) => {
  const page = context.pages()[0];
  await page.goto(new URL("/graphql", baseUrl).href);
  return page.evaluate(readChangeRead, [query, mutation]);
});
console.log(JSON.stringify(seen));
