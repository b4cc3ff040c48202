import type { Fetcher, FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import type { ExecutionResult } from "graphql";
import { getOperationAST, parse } from "graphql";

import type { Explanation, Plan } from "./explanation";

const HEADER = "x-gateway-explain";

/** What the panel shows. */
export type Shown =
  | { kind: "nothing" }
  | { kind: "waiting" }
  | { kind: "problem"; message: string }
  | { kind: "plan"; title: string; plan: Plan }
  | { kind: "run"; title: string; milliseconds: number; errors: number; explanation: Explanation };

type Response = ExecutionResult<Record<string, unknown>, { gateway?: Partial<Explanation> & { plan?: Plan } }>;

/** Asks the gateway for explanations and keeps the last one, for the panel. Lifetime: the page. */
export class Explainer {
  explains = false;
  shown: Shown = { kind: "nothing" };
  #listeners = new Set<() => void>();
  #send: Fetcher;

  constructor(send: Fetcher) {
    this.#send = send;
  }

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  setExplains(explains: boolean) {
    this.explains = explains;
    this.#changed();
  }

  /** Sends an operation of the editor, explained where the panel asks for that. */
  fetcher: Fetcher = (operation, options) => {
    // The IDE's own introspection is none of the user's operations, and a subscription has no end.
    if (!this.explains || operation.operationName === "IntrospectionQuery" || isSubscription(operation)) {
      return this.#send(operation, options);
    }
    return this.#run(operation, options);
  };

  /** Shows the plan of an operation, which does not run. */
  async plan(operation: FetcherParams, headers: Record<string, string>) {
    this.#show({ kind: "waiting" });
    try {
      const response = await this.#ask(operation, { headers }, "plan");
      const plan = response.extensions?.gateway?.plan;
      this.#show(plan ? { kind: "plan", title: titleOf(operation), plan } : problemOf(response));
    } catch (error) {
      this.#show({ kind: "problem", message: String(error) });
    }
  }

  async #run(operation: FetcherParams, options?: FetcherOpts) {
    this.#show({ kind: "waiting" });
    const started = performance.now();
    try {
      const response = await this.#ask(operation, options, "1");
      const milliseconds = performance.now() - started;
      const { calls, fields, cost, stale } = response.extensions?.gateway ?? {};
      const errors = response.errors?.length ?? 0;
      if (!calls || !fields || !cost) this.#show(problemOf(response));
      else this.#show({ kind: "run", title: titleOf(operation), milliseconds, errors, explanation: { calls, fields, cost, stale } });
      return response;
    } catch (error) {
      this.#show({ kind: "problem", message: String(error) });
      throw error;
    }
  }

  async #ask(operation: FetcherParams, options: FetcherOpts | undefined, value: string): Promise<Response> {
    return (await this.#send(operation, { ...options, headers: { ...options?.headers, [HEADER]: value } })) as Response;
  }

  #show(shown: Shown) {
    this.shown = shown;
    this.#changed();
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }
}

function problemOf({ errors }: Response): Shown {
  return { kind: "problem", message: errors?.map(({ message }) => message).join(" ") || "The response has no explanation." };
}

function operationOf({ query, operationName }: FetcherParams) {
  try {
    return getOperationAST(parse(query), operationName);
  } catch {
    // A syntax error, which the gateway explains better.
    return undefined;
  }
}

const isSubscription = (operation: FetcherParams) => operationOf(operation)?.operation === "subscription";

const titleOf = (operation: FetcherParams) => operationOf(operation)?.name?.value ?? "Operation";
