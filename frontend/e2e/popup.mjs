// Logs in through a popup, as an app of another origin does, and prints what its page was sent.
//
//   node e2e/popup.mjs <app's base URL> <gateway's base URL> <decision: Allow or Deny>
//
// Prints one JSON object: the `message` that the page got and its `origin`, whether the popup `closed` itself, and what
// the page's query with credentials then answered (`answer`).

import { withBrowser } from "./browser.mjs";

const PATIENCE_MILLISECONDS = 20_000;

async function openLogin(gateway) {
  globalThis.sent = new Promise((resolve) => {
    addEventListener("message", ({ data, origin }) => {
      if (data?.type === "gateway-login") resolve({ message: data, origin });
    });
  });
  open(`${gateway}/oauth/logistics/login?opener=${encodeURIComponent(location.origin)}`, "login", "popup");
}

async function ask(gateway) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ query: "{ logisticsTasks(first: 1) { nodes { taskId } } }" });
  return (await fetch(`${gateway}/graphql`, { method: "POST", credentials: "include", headers, body })).json();
}

const [app, gateway, decision] = process.argv.slice(2);
if (!decision) {
  console.error("usage: node e2e/popup.mjs <app's base URL> <gateway's base URL> <decision>");
  process.exit(2);
}
const seen = await withBrowser(async (context) => {
  context.setDefaultTimeout(PATIENCE_MILLISECONDS);
  const page = context.pages()[0];
  await page.goto(app);
  const [popup] = await Promise.all([context.waitForEvent("page"), page.evaluate(openLogin, gateway)]);
  const closed = popup.waitForEvent("close");
  await popup.getByRole("button", { name: decision }).click();
  const { message, origin } = await page.evaluate(() => globalThis.sent);
  await closed;
  return { message, origin, closed: popup.isClosed(), answer: await page.evaluate(ask, gateway) };
});
console.log(JSON.stringify(seen));
