import "./explain.css";

import type { GraphiQLPlugin } from "@graphiql/react";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useState, useSyncExternalStore } from "react";

import type { Explainer, Shown } from "./explainer";
import type { Plan } from "./explanation";
import { nameOf, slowestOf, time } from "./explanation";
import { Bar, Waterfall } from "./Waterfall";

/** The panel that shows what an operation waits for, and its plan. */
export function explainPlugin(explainer: Explainer): GraphiQLPlugin {
  return { title: "Explain", icon: WaterfallIcon, content: () => <ExplainPanel explainer={explainer} /> };
}

function ExplainPanel({ explainer }: { explainer: Explainer }) {
  const explains = useSyncExternalStore(explainer.subscribe, () => explainer.explains);
  const shown = useSyncExternalStore(explainer.subscribe, () => explainer.shown);
  return (
    <div className="explain">
      <h2>Explain</h2>
      <div className="explain-controls">
        <label>
          <input type="checkbox" role="switch" checked={explains} onChange={({ target }) => explainer.setExplains(target.checked)} />
          Explain each run
        </label>
        <PlanButton explainer={explainer} />
        <RunButton />
      </div>
      <p role="status" className="explain-status">
        {statusOf(shown)}
      </p>
      <Content shown={shown} explains={explains} />
    </div>
  );
}

function PlanButton({ explainer }: { explainer: Explainer }) {
  const editors = {
    query: useGraphiQL((state) => state.queryEditor),
    variables: useGraphiQL((state) => state.variableEditor),
    headers: useGraphiQL((state) => state.headerEditor),
  };
  const operationName = useGraphiQL((state) => state.operationName);
  const [problem, setProblem] = useState("");

  function plan() {
    try {
      const variables = json(editors.variables?.getValue(), "variables");
      const headers = json(editors.headers?.getValue(), "headers") as Record<string, string>;
      setProblem("");
      void explainer.plan({ query: editors.query?.getValue() ?? "", operationName, variables }, headers);
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <>
      <button type="button" className="explain-plan" onClick={plan}>
        Plan
      </button>
      {problem && <p role="alert">{problem}</p>}
    </>
  );
}

/** Runs the operation; shown on a phone only, where the panel covers the editors with their own button. */
function RunButton() {
  const { run } = useGraphiQLActions();
  return (
    <button type="button" className="explain-run" onClick={run}>
      Run
    </button>
  );
}

/** What a screen reader says when the panel has changed; all else is there to be read. */
function statusOf(shown: Shown): string {
  if (shown.kind === "plan") return `Plan of ${shown.title}: ${shown.plan.estimate} calls`;
  if (shown.kind === "run") return `${shown.title}: ${time(shown.milliseconds)}, ${shown.explanation.cost.calls} calls`;
  return "";
}

function json(text: string | undefined, what: string): Record<string, unknown> {
  try {
    return text?.trim() ? JSON.parse(text) : {};
  } catch {
    throw new Error(`The ${what} are no JSON.`);
  }
}

function Content({ shown, explains }: { shown: Shown; explains: boolean }) {
  switch (shown.kind) {
    case "nothing":
      return <p>{explains ? "Run an operation to see what it waits for." : "Turn on “Explain each run” and run an operation to see what it waits for. “Plan” estimates it without running it."}</p>;
    case "waiting":
      return <p>Waiting for the gateway…</p>;
    case "problem":
      return <p className="explain-bad">{shown.message}</p>;
    case "plan":
      return <PlanView title={shown.title} plan={shown.plan} />;
    case "run":
      return <Run {...shown} />;
  }
}

function Run({ title, milliseconds, errors, explanation }: Extract<Shown, { kind: "run" }>) {
  const { cost, calls } = explanation;
  const slowest = slowestOf(calls);
  return (
    <>
      <h3 className="explain-title">
        {title}: {time(milliseconds)}
      </h3>
      <dl className="explain-facts">
        <Fact name="Calls" value={`${number(cost.calls)} made, ${number(cost.estimate)} estimated`} />
        <Fact name="Objects" value={`at most ${number(cost.nodes)}`} />
        {slowest && <Fact name="Slowest" value={`${nameOf(slowest)}, ${time(slowest.milliseconds)}`} />}
        {errors > 0 && <Fact name="Errors" value={`${errors}, see the response`} />}
      </dl>
      <Waterfall explanation={explanation} />
    </>
  );
}

function PlanView({ title, plan }: { title: string; plan: Plan }) {
  const calls = [...plan.calls].sort((one, other) => other.count - one.count);
  const most = calls[0]?.count ?? 0;
  return (
    <>
      <h3 className="explain-title">Plan of {title}</h3>
      <dl className="explain-facts">
        <Fact name="Calls" value={`${number(plan.estimate)} of at most ${number(plan.limit)}`} />
        <Fact name="Objects" value={`${number(plan.nodes.estimate)} of at most ${number(plan.nodes.limit)}`} />
      </dl>
      <ol className="explain-rows">
        {calls.map((call) => (
          <li key={nameOf(call)}>
            <span className="explain-name">{nameOf(call)}</span>
            <span className="explain-time">× {call.count}</span>
            <Bar segments={[{ kind: "wire", start: 0, milliseconds: call.count }]} total={most} />
          </li>
        ))}
      </ol>
      <p>With every page full and nothing cached. The operation was not run.</p>
    </>
  );
}

const number = (count: number) => count.toLocaleString("en");

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function WaterfallIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
      <path d="M3 6h8M8 12h9M13 18h8" />
    </svg>
  );
}
