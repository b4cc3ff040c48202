import acrossAll from "./examples/across-all.graphql?raw";
import deliveries from "./examples/deliveries.graphql?raw";
import draftTask from "./examples/draft-task.graphql?raw";
import draftTaskVariables from "./examples/draft-task.json";
import followTask from "./examples/follow-task.graphql?raw";
import followTaskVariables from "./examples/follow-task.json";
import logistics from "./examples/logistics.graphql?raw";
import logisticsVariables from "./examples/logistics.json";
import smsJobs from "./examples/sms-jobs.graphql?raw";

/** One operation ready to run: the title names it in the menu, the operation's own name is the title of its tab. */
export interface Example {
  title: string;
  query: string;
  variables?: Record<string, unknown>;
}

/** What the gateway may put into the page: an example of its own, or better variables for a built-in one of the same title. */
type PageExample = Pick<Example, "title"> & Partial<Example>;

const builtIn: Example[] = [
  { title: "Deliveries", query: deliveries },
  { title: "SMS jobs", query: smsJobs },
  { title: "Logistics tasks and a price", query: logistics, variables: logisticsVariables },
  { title: "All three at once", query: acrossAll, variables: logisticsVariables },
  { title: "Draft a task", query: draftTask, variables: draftTaskVariables },
  { title: "Follow a task", query: followTask, variables: followTaskVariables },
];

/** The built-in examples, completed by those in the page's `<script type="application/json" id="gateway-examples">`. */
export function examplesOfPage(page: Document): Example[] {
  const text = page.getElementById("gateway-examples")?.textContent;
  const examples = new Map(builtIn.map((example) => [example.title, example]));
  for (const given of text ? (JSON.parse(text) as PageExample[]) : []) {
    examples.set(given.title, { query: "", ...examples.get(given.title), ...given });
  }
  return [...examples.values()];
}

/** An example as GraphiQL wants its tabs: the variables as text. */
export function tabOf({ query, variables }: Example): { query: string; variables?: string } {
  return { query, variables: variables && JSON.stringify(variables, null, 2) };
}
