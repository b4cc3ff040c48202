import type { Fetcher, FetcherOpts, FetcherParams } from "@graphiql/toolkit";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import type { DocumentNode } from "graphql";
import { getOperationAST, parse } from "graphql";

/** Sends operations to the address the page itself came from: HTTP for queries and mutations, graphql-transport-ws for subscriptions. */
export function fetcherFor(location: Location): Fetcher {
  const url = location.origin + location.pathname;
  const send = createGraphiQLFetcher({
    url,
    subscriptionUrl: url.replace(/^http/, "ws"),
    enableIncrementalDelivery: false,
  });
  return (operation, options) => send(...asWritten(operation, { ...options, headers: withLowerCaseNames(options?.headers) }));
}

/** What GraphiQL knows of a document is up to 100 ms older than its text: a quick hand would run the operation of the tab before. */
function asWritten(operation: FetcherParams, options: FetcherOpts): [FetcherParams, FetcherOpts] {
  const documentAST = parsed(operation.query);
  const only = documentAST && getOperationAST(documentAST);
  if (!only) return [operation, options];
  return [{ ...operation, operationName: only.name?.value }, { ...options, documentAST }];
}

/** The document, or undefined where it has a syntax error, which the gateway explains better. */
function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

/** A subscription's headers become the payload of connection_init, where names, unlike those of HTTP headers, have a case. */
function withLowerCaseNames(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
