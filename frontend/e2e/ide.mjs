// Opens the IDE in a real Chromium, as a developer would, and fails on anything that they should not see.
//
//   node e2e/ide.mjs <gateway's base URL> <PNG to write> [<title of a tab to run>[=<word>]...]
//
// Without titles it runs the first tab. With a word, the tab's operation goes on until an answer has the word, which is
// how a subscription is seen to move. CHROMIUM is told in browser.mjs.
// Fails on: a request to another host, a console error, an uncaught exception, a failed or refused request, a violation
// of the page's Content-Security-Policy, and an operation that answers no data or has errors.

import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";

const PATIENCE_MILLISECONDS = 20_000;
const PATIENCE_FOR_WORD_MILLISECONDS = 60_000;
function watch(context, page, host) {
  const hosts = new Set();
  const complaints = [];
  const seen = (address) => {
    const url = new URL(address);
    if (url.protocol === "data:") return;
    hosts.add(url.host);
    if (url.host !== host) complaints.push(`request to another host: ${address}`);
  };
  context.on("request", (request) => seen(request.url()));
  context.on("requestfailed", (request) => complaints.push(`request failed: ${request.url()} (${request.failure()?.errorText})`));
  context.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`answer ${response.status()}: ${response.url()}`);
  });
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console error: ${message.text()}`);
  });
  context.on("weberror", (error) => complaints.push(`uncaught: ${error.error().stack}`));
  page.on("websocket", (socket) => seen(socket.url()));
  return { hosts, complaints };
}

async function watchPolicy(page, complaints) {
  await page.exposeFunction("reportViolation", (violation) => complaints.push(`policy violated: ${violation}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.effectiveDirective} by ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
    });
  });
}

async function openEditor(page, url) {
  await page.goto(url);
  await page.locator(".graphiql-query-editor .view-line").first().waitFor();
  // The root type is listed once the schema has been read by introspection.
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  await page.locator(".graphiql-doc-explorer-content").getByText("query", { exact: false }).first().waitFor();
}

async function shownResponse(page) {
  return page.evaluate(() => globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith("response.json"))?.getValue());
}

async function run(page, wanted) {
  const [title, word] = wanted?.split("=") ?? [];
  const answer = page.locator(".graphiql-response .view-line", { hasText: '"data"' });
  if (title) await page.locator(".graphiql-tab-button", { hasText: new RegExp(`^${title}$`) }).click();
  // The answer of the tab before must be gone from the pane, else it would be taken for this one's.
  await answer.waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await answer.waitFor();
  if (word) await page.locator(".graphiql-response .view-lines", { hasText: new RegExp(word) }).waitFor({ timeout: PATIENCE_FOR_WORD_MILLISECONDS });
  const response = JSON.parse(await shownResponse(page));
  assert.equal(response.errors, undefined, `errors in tab ${title ?? "1"}: ${JSON.stringify(response.errors)}`);
  assert.ok(response.data, `no data in tab ${title ?? "1"}: ${JSON.stringify(response)}`);
  console.log(`tab ${title ?? "1"}: ${JSON.stringify(response.data).slice(0, 200)}`);
}

async function main(baseUrl, screenshot, titles) {
  const url = new URL("/graphql", baseUrl);
  await withBrowser(async (context) => {
    context.setDefaultTimeout(PATIENCE_MILLISECONDS);
    const page = context.pages()[0];
    const { hosts, complaints } = watch(context, page, url.host);
    await watchPolicy(page, complaints);
    try {
      await openEditor(page, url.href);
      for (const title of titles.length ? titles : [undefined]) await run(page, title);
    } finally {
      await page.screenshot({ path: screenshot });
      for (const complaint of complaints) console.error(complaint);
    }
    assert.deepEqual(complaints, []);
    console.log(`hosts asked: ${[...hosts].join(", ")}`);
  });
}

const [baseUrl, screenshot, ...titles] = process.argv.slice(2);
if (!baseUrl || !screenshot) {
  console.error("usage: node e2e/ide.mjs <gateway's base URL> <PNG to write> [<title of a tab to run>[=<word>]...]");
  process.exit(2);
}
await main(baseUrl, screenshot, titles);
