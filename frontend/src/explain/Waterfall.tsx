import type { ReactNode } from "react";

import type { Call, Explanation, Segment } from "./explanation";
import { endOf, failed, madeCalls, nameOf, savedCalls, segmentsOf, slowestOf, staleAges, time, waitsOf } from "./explanation";

const WIDTH = 1000;
const NARROWEST = 6;

const MEANINGS: Record<string, string> = {
  pacing: "turn below the rate limit",
  queue: "free slot",
  connect: "new connection",
  wire: "the API’s answer",
  pause: "before a retry",
  lease: "the call of another process",
};

/** The fields and the calls of an operation on one scale of time, and all of it as a table. */
export function Waterfall({ explanation }: { explanation: Explanation }) {
  const total = endOf(explanation);
  const { shown, leftOut } = madeCalls(explanation.calls);
  const kinds = [...new Set(shown.flatMap(({ phases }) => phases.map(({ phase }) => phase)))];
  const slowest = shown.length > 1 ? slowestOf(shown) : undefined;
  return (
    <>
      {explanation.fields.length > 0 && (
        <Rows title="Fields that waited" total={total}>
          {explanation.fields.map((field) => (
            <Row
              key={field.path.join(".")}
              name={field.path.join(".")}
              note={field.count > 1 ? `× ${field.count}` : undefined}
              milliseconds={field.milliseconds}
              segments={[{ kind: "field", start: field.startMilliseconds, milliseconds: field.milliseconds }]}
              total={total}
            />
          ))}
        </Rows>
      )}
      {shown.length > 0 && (
        <Rows title="Calls" legend={kinds} total={total}>
          {shown.map((call, number) => (
            <CallRow key={number} call={call} total={total} slowest={call === slowest} />
          ))}
          {[...leftOut].map(([name, count]) => (
            <li key={name} className="explain-note">
              and {count} more of {name}, none of them slower
            </li>
          ))}
        </Rows>
      )}
      <Notes title="Calls that were not made" notes={[...savedCalls(explanation.calls)].map(([name, count]) => `${count} × ${name}`)} />
      <Notes title="Stale parts of the response" notes={[...staleAges(explanation.stale)].map(([path, age]) => `${path}: up to ${age.toFixed(1)} s old`)} />
      <Table explanation={explanation} />
    </>
  );
}

function CallRow({ call, total, slowest }: { call: Call; total: number; slowest: boolean }) {
  const details = call.phases.length > 1 || failed(call) || call.cache !== "miss" ? waitsOf(call) : undefined;
  const notes = [slowest && "slowest", call.records && `${call.records} records`, call.tries > 1 && `${call.tries} tries`];
  const note = notes.filter(Boolean).join(", ");
  return <Row name={nameOf(call)} note={note} milliseconds={call.milliseconds} segments={segmentsOf(call)} total={total} details={details} bad={failed(call)} />;
}

function Rows({ title, legend = [], total, children }: { title: string; legend?: string[]; total: number; children: ReactNode }) {
  return (
    <section>
      <h3>{title}</h3>
      {legend.length > 0 && (
        <p className="explain-legend">
          {legend.map((kind) => (
            <span key={kind}>
              <i className={`explain-${kind}`} aria-hidden="true" />
              {kind}
              {MEANINGS[kind] && <small>: {MEANINGS[kind]}</small>}
            </span>
          ))}
        </p>
      )}
      <p className="explain-scale">
        <span>0</span>
        <span>{time(total)}</span>
      </p>
      <ol className="explain-rows">{children}</ol>
    </section>
  );
}

interface RowProps {
  name: string;
  note?: string;
  milliseconds: number;
  segments: Segment[];
  total: number;
  details?: string;
  bad?: boolean;
}

function Row({ name, note, milliseconds, segments, total, details, bad }: RowProps) {
  return (
    <li>
      <span className="explain-name">
        {name} {note && <small>{note}</small>}
      </span>
      <span className="explain-time">{time(milliseconds)}</span>
      <Bar segments={segments} total={total} />
      {details && <span className={bad ? "explain-details explain-bad" : "explain-details"}>{details}</span>}
    </li>
  );
}

/** A bar on the scale of the whole operation; what it shows is in the text beside it. */
export function Bar({ segments, total }: { segments: Segment[]; total: number }) {
  const scale = total > 0 ? WIDTH / total : 0;
  return (
    <svg className="explain-bar" viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
      <rect className="explain-track" width={WIDTH} height={10} />
      {segments.map(({ kind, start, milliseconds }, number) => {
        const width = Math.max(milliseconds * scale, NARROWEST);
        return <rect key={number} className={`explain-${kind}`} x={Math.min(start * scale, WIDTH - width)} width={width} height={10} />;
      })}
    </svg>
  );
}

function Notes({ title, notes }: { title: string; notes: string[] }) {
  if (notes.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul>
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </section>
  );
}

function Table({ explanation }: { explanation: Explanation }) {
  const rows = [
    ...explanation.fields.map((field) => ({ ...field, what: `field ${field.path.join(".")}`, waits: field.count > 1 ? `${field.count} values` : "1 value" })),
    ...explanation.calls.map((call) => ({ ...call, what: nameOf(call), waits: waitsOf(call) || call.cache })),
  ];
  return (
    <details className="explain-table">
      <summary>As a table</summary>
      {/* Scrolls by itself and so must be reachable by the keyboard. */}
      <div tabIndex={0} role="region" aria-label="Fields and calls as a table">
        <table>
          <caption>Fields and calls, in milliseconds</caption>
          <thead>
            <tr>
              {["What", "Begin", "Took", "Waits"].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, number) => (
              <tr key={number}>
                <th scope="row">{row.what}</th>
                <td>{row.startMilliseconds}</td>
                <td>{row.milliseconds}</td>
                <td>{row.waits}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
