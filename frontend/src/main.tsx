import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./theme.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Ide } from "./Ide";
import { examplesOfPage } from "./examples";
import { fetcherFor } from "./fetcher";

const root = document.getElementById("root");
if (!root) throw new Error("The page has no element with the id 'root' to draw the editor in.");

createRoot(root).render(
  <StrictMode>
    <Ide fetcher={fetcherFor(window.location)} examples={examplesOfPage(document)} />
  </StrictMode>,
);
