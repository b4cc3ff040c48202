/** What the gateway says about an operation in `extensions.gateway`; docs/clients.md describes it. */
export interface Explanation {
  calls: Call[];
  fields: Field[];
  cost: { estimate: number; calls: number; nodes: number };
  stale?: { path: (string | number)[]; ageSeconds: number }[];
}

export interface Call {
  upstream: string;
  operation: string;
  status: number | null;
  milliseconds: number;
  startMilliseconds: number;
  cache: "miss" | "hit" | "stale" | "shared";
  tries: number;
  phases: Phase[];
  records?: number;
}

export interface Phase {
  phase: string;
  milliseconds: number;
  status?: number;
}

export interface Field {
  path: string[];
  startMilliseconds: number;
  milliseconds: number;
  count: number;
}

/** What it estimates of an operation before that runs. */
export interface Plan {
  estimate: number;
  limit: number;
  calls: { upstream: string; operation: string; count: number }[];
  nodes: { estimate: number; limit: number };
}

/** A part of a bar, in milliseconds from the operation's begin. */
export interface Segment {
  kind: string;
  start: number;
  milliseconds: number;
}

/** The calls of one operation of an upstream that are drawn, the slowest of them; the others are counted. */
const SHOWN_CALLS = 5;

export const nameOf = (call: { upstream: string; operation: string }) => `${call.upstream} ${call.operation}`;

export const failed = (call: Call) => call.cache === "miss" && (call.status === null || call.status >= 400);

/** Whether it was made, or another process's call was waited for in its place. */
const waited = (call: Call) => call.cache === "miss" || call.phases.length > 0;

export function endOf({ fields, calls }: Explanation): number {
  return Math.max(0, ...[...fields, ...calls].map((one) => one.startMilliseconds + one.milliseconds));
}

/** The phases of a call, of which the last ended when the call did. */
export function segmentsOf(call: Call): Segment[] {
  const waited = call.phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  let start = call.startMilliseconds + call.milliseconds - waited;
  return call.phases.map(({ phase, milliseconds }) => {
    const segment = { kind: phase, start, milliseconds };
    start += milliseconds;
    return segment;
  });
}

/** The calls that were made or waited for, in the order of time: of many alike the slowest, every failed one, and how many are left out. */
export function madeCalls(calls: Call[]): { shown: Call[]; leftOut: Map<string, number> } {
  const seen = new Map<string, number>();
  const leftOut = new Map<string, number>();
  const shown = calls
    .filter(waited)
    .sort((one, other) => other.milliseconds - one.milliseconds)
    .filter((call) => {
      const name = nameOf(call);
      seen.set(name, (seen.get(name) ?? 0) + 1);
      if (failed(call) || (seen.get(name) ?? 0) <= SHOWN_CALLS) return true;
      leftOut.set(name, (leftOut.get(name) ?? 0) + 1);
      return false;
    });
  return { shown: shown.sort((one, other) => one.startMilliseconds - other.startMilliseconds), leftOut };
}

/** The call that took longest, of those that were made. */
export function slowestOf(calls: Call[]): Call | undefined {
  return calls.filter(({ cache }) => cache === "miss").sort((one, other) => other.milliseconds - one.milliseconds)[0];
}

/** How often each kind of call was not made, and what answered instead. */
export function savedCalls(calls: Call[]): Map<string, number> {
  const words = { hit: "from the cache", stale: "stale from the cache", shared: "joined to a call of another operation" };
  const saved = new Map<string, number>();
  for (const call of calls) {
    if (call.cache === "miss") continue;
    const line = `${nameOf(call)} ${words[call.cache]}`;
    saved.set(line, (saved.get(line) ?? 0) + 1);
  }
  return saved;
}

/** The oldest age in seconds of the stale records at each path, without the indexes of lists. */
export function staleAges(stale: Explanation["stale"] = []): Map<string, number> {
  const ages = new Map<string, number>();
  for (const { path, ageSeconds } of stale) {
    const name = path.filter((step) => typeof step === "string").join(".");
    ages.set(name, Math.max(ageSeconds, ages.get(name) ?? 0));
  }
  return ages;
}

export function time(milliseconds: number): string {
  // With a space that keeps the number and its unit in one line.
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)}\u00a0ms`;
  return `${(milliseconds / 1000).toFixed(2)}\u00a0s`;
}

/** What a call waited for, in words. */
export function waitsOf(call: Call): string {
  const waits = call.phases.map(({ phase, milliseconds, status }) => `${phase} ${time(milliseconds)}${status ? ` after ${status}` : ""}`);
  if (failed(call)) waits.push(call.status === null ? "no answer" : `ended with ${call.status}`);
  return waits.join(", ");
}
