import { ToolbarButton, ToolbarMenu, useGraphiQL, useGraphiQLActions } from "@graphiql/react";

import type { Example } from "./examples";
import { tabOf } from "./examples";

/** Opens an example in a new tab: tabs are kept from visit to visit, so a changed or closed one does not come back by itself. */
export function ExamplesMenu({ examples }: { examples: Example[] }) {
  const { addTab } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);

  function open(example: Example) {
    const { query, variables } = tabOf(example);
    addTab();
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables ?? "");
  }

  return (
    <ToolbarMenu
      button={
        <ToolbarButton label="Examples">
          <LightBulb />
        </ToolbarButton>
      }
    >
      {examples.map((example) => (
        <ToolbarMenu.Item key={example.title} onSelect={() => open(example)}>
          {example.title}
        </ToolbarMenu.Item>
      ))}
    </ToolbarMenu>
  );
}

function LightBulb() {
  return (
    <svg className="graphiql-toolbar-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M9 17.5c0-2.5-3-3.5-3-7.5a6 6 0 0 1 12 0c0 4-3 5-3 7.5zM9.5 21h5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
