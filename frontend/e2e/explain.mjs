// Uses the IDE's panel "Explain" in a real Chromium: the plan, then a run, then the same on a phone and in the dark.
//
//   node e2e/explain.mjs <gateway's base URL> <folder for PNGs>
//
// Prints one JSON object: the values of the `x-gateway-explain` header that operations were `sent` with, the texts of the
// `plan` and of the `run`, the number of `bars` and of table `rows`, the `violations` that axe-core finds in the panel and
// the width of the panel at 390 pixels (`narrow`: its own, that of what is in it, and that of the window).

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { withBrowser } from "./browser.mjs";

const PATIENCE_MILLISECONDS = 20_000;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const violations = (page) =>
  page.evaluate(async () => {
    const found = await globalThis.axe.run(".explain");
    return found.violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });

async function run(page) {
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await page.locator(".graphiql-response .view-line", { hasText: '"data"' }).waitFor();
}

async function use(context, baseUrl, folder) {
  context.setDefaultTimeout(PATIENCE_MILLISECONDS);
  const page = context.pages()[0];
  const sent = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && !request.postData().includes("IntrospectionQuery")) sent.push(request.headers()["x-gateway-explain"] ?? null);
  });
  await page.goto(new URL("/graphql", baseUrl).href);
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  // Through the protocol of the debugger, which the page's Content-Security-Policy does not bind.
  await page.evaluate(axe);
  const panel = page.locator(".explain");
  await run(page);
  await page.getByRole("button", { name: "Show Explain" }).click();
  await panel.getByRole("button", { name: "Plan" }).click();
  await panel.getByText("The operation was not run.").waitFor();
  const plan = await panel.innerText();
  const found = [await violations(page)];
  await page.screenshot({ path: join(folder, "plan.png") });
  await panel.getByRole("switch", { name: "Explain each run" }).check();
  await page.locator(".graphiql-tab-button", { hasText: /^AcrossAll$/ }).click();
  await run(page);
  await panel.getByText("As a table").click();
  await panel.getByText("As a table").waitFor();
  const shown = { run: await panel.innerText(), bars: await panel.locator("svg.explain-bar").count(), rows: await panel.locator("tbody tr").count() };
  found.push(await violations(page));
  await panel.getByText("As a table").click();
  await page.locator(".graphiql-plugin").evaluate((plugin) => plugin.scrollTo(0, 0));
  await page.screenshot({ path: join(folder, "run.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  found.push(await violations(page));
  await page.screenshot({ path: join(folder, "dark.png") });
  await page.setViewportSize({ width: 390, height: 844 });
  found.push(await violations(page));
  await page.screenshot({ path: join(folder, "narrow.png") });
  await panel.getByRole("button", { name: "Run" }).click();
  await panel.getByText("Waiting for the gateway").waitFor({ state: "detached" });
  await panel.locator(".explain-title", { hasText: "AcrossAll" }).waitFor();
  const narrow = await page.evaluate(() => {
    const own = document.querySelector(".graphiql-plugin");
    return { own: own.getBoundingClientRect().width, content: own.scrollWidth, window: document.documentElement.scrollWidth };
  });
  return { sent, plan, ...shown, violations: found.flat(), narrow };
}

const [baseUrl, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node e2e/explain.mjs <gateway's base URL> <folder for PNGs>");
  process.exit(2);
}
console.log(JSON.stringify(await withBrowser((context) => use(context, baseUrl, folder))));
