// Subscribes over one transport and writes each thing it hears as a line of JSON.
// usage: node client.mjs <graphql-ws | graphql-sse | subscriptions-transport-ws> <port> [subscription] [authorization]
// After a lost connection it goes on from the last cursor: in the variables, over SSE in the header Last-Event-ID.
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import legacy from "subscriptions-transport-ws";
import WebSocket from "ws";

const FOLLOW = "subscription Follow($after: String) { events(after: $after) { number cursor } }";
const [transport, port, query = FOLLOW, authorization = "ada"] = process.argv.slice(2);
const variables = {};
const write = (heard) => process.stdout.write(`${JSON.stringify(heard)}\n`);
const atOnce = async () => {};

const sink = {
  next(result) {
    if (result.data?.events) variables.after = result.data.events.cursor;
    write({ next: result });
  },
  error(error) {
    write({ error: Array.isArray(error) ? error : String(error) });
  },
  complete() {
    write({ complete: true });
    process.exit(0);
  },
};

const start = {
  "graphql-ws"() {
    const client = createWsClient({
      url: `ws://127.0.0.1:${port}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      retryAttempts: 5,
      retryWait: atOnce,
      on: { closed: (event) => write({ closed: event.code }) },
    });
    client.subscribe({ query, variables }, sink);
  },
  "graphql-sse"() {
    let last;
    const client = createSseClient({
      url: `http://127.0.0.1:${port}/graphql`,
      headers: () => ({ authorization, ...(last && { "last-event-id": last }) }),
      retry: atOnce,
    });
    const following = {
      ...sink,
      next(result) {
        last = result.data?.events?.cursor ?? last;
        write({ next: result });
      },
    };
    client.subscribe({ query }, following);
  },
  "subscriptions-transport-ws"() {
    const options = { reconnect: true, minTimeout: 5000, connectionParams: { authorization } };
    const client = new legacy.SubscriptionClient(`ws://127.0.0.1:${port}/graphql`, options, WebSocket);
    client.onDisconnected(() => write({ closed: true }));
    client.request({ query, variables }).subscribe(sink);
  },
};

start[transport]();
