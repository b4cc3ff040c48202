import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./theme.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Ide } from "./Ide";
import { examplesOfPage } from "./examples";
import { Explainer } from "./explain/explainer";
import { explainPlugin } from "./explain/ExplainPanel";
import { fetcherFor } from "./fetcher";

const root = document.getElementById("root");
if (!root) throw new Error("The page has no element with the id 'root' to draw the editor in.");

const explainer = new Explainer(fetcherFor(window.location));

createRoot(root).render(
  <StrictMode>
    <Ide fetcher={explainer.fetcher} examples={examplesOfPage(document)} plugin={explainPlugin(explainer)} />
  </StrictMode>,
);
