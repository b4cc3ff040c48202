// Opens the status page as an operator does, on a wide and on a narrow screen, and watches it while an upstream fails.
//
//   node e2e/status.mjs <gateway's base URL> <key> <simulator's base URL> <folder for screenshots>
//
// The simulator is that of deliveries. Prints one JSON object: for each width how far the page is `wider` than the
// screen and which `violations` axe finds in light and dark; how long after the outage the page showed it (`shownAfter`,
// in milliseconds), what it `said`, whether it was the `samePage`, and every `problem` of its console.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createRequire } from "node:module";
import { withBrowser } from "./browser.mjs";

const PATIENCE_MILLISECONDS = 20_000;
const WIDTHS = [1280, 390];
const QUERIES = [
  "query LatestDeliveries { deliveries(first: 5) { nodes { sendTaskId status product { name } } } }",
  "query AcrossAll { deliveries(first: 3) { nodes { status } } smsJobs(first: 3) { nodes { jobId } } logisticsTasks(first: 3) { nodes { taskId } } }",
  "query Jobs { smsJobs(first: 10) { nodes { jobId recipientCount } } }",
];

const [gateway, key, simulator, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node e2e/status.mjs <gateway> <key> <simulator of deliveries> <folder for screenshots>");
  process.exit(2);
}
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function ask(query) {
  const body = JSON.stringify({ query });
  const headers = { "content-type": "application/json" };
  return (await fetch(`${gateway}/graphql`, { method: "POST", headers, body })).text();
}

async function setFaults(faults) {
  await fetch(`${simulator}/_sandbox/faults`, { method: "PUT", body: JSON.stringify(faults) });
}

// Serious findings of axe, by their rule and the first element that breaks it.
async function violations(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  // By the debugger and not as an element, which the page's policy would refuse.
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  return found.violations.map(({ id, impact, nodes }) => `${colorScheme} ${impact} ${id}: ${nodes[0].html}`);
}

async function measured(page, width) {
  await page.setViewportSize({ width, height: 900 });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return { width, wider, violations: [...(await violations(page, "light")), ...(await violations(page, "dark"))] };
}

async function untilDown(page) {
  const began = Date.now();
  const down = page.getByText("breaker open for").first().waitFor();
  let shown = false;
  down.then(() => (shown = true), () => {});
  // Ids that nothing has cached, so that each asks the upstream.
  for (let id = 900; !shown && Date.now() - began < PATIENCE_MILLISECONDS; id += 1) {
    await ask(`query OneDelivery { delivery(id: "${id}") { status } }`);
  }
  await down;
  return Date.now() - began;
}

const seen = await withBrowser(
  async (context) => {
    context.setDefaultTimeout(PATIENCE_MILLISECONDS);
    const page = context.pages()[0];
    const problems = [];
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    for (const query of QUERIES) await ask(query);
    await page.goto(`${gateway}/status`);
    await page.evaluate(() => (globalThis.marked = true));
    await page.getByText("Live, as of").waitFor();
    await setFaults({ outage: "503" });
    const shownAfter = await untilDown(page);
    const said = await page.locator("#log").innerText();
    const title = await page.title();
    const widths = [];
    for (const width of WIDTHS) {
      widths.push(await measured(page, width));
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(folder, `status-${width}-${colorScheme}.png`), fullPage: true });
      }
    }
    await setFaults({});
    const samePage = await page.evaluate(() => globalThis.marked === true);
    return { widths, shownAfter, said, title, samePage, problems };
  },
  { httpCredentials: { username: "operator", password: key } },
);
console.log(JSON.stringify(seen));
