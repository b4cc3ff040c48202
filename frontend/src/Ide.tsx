import type { GraphiQLPlugin } from "@graphiql/react";
import type { Fetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";

import { ExamplesMenu } from "./ExamplesMenu";
import type { Example } from "./examples";
import { tabOf } from "./examples";
import logo from "./favicon.svg";

/** The whole page: GraphiQL with the examples in its tabs, and in a menu for whoever closed or changed a tab. */
export function Ide({ fetcher, examples, plugin }: { fetcher: Fetcher; examples: Example[]; plugin: GraphiQLPlugin }) {
  return (
    <GraphiQL fetcher={fetcher} plugins={[HISTORY_PLUGIN, plugin]} defaultTabs={examples.map(tabOf)} defaultEditorToolsVisibility="variables">
      <GraphiQL.Logo>
        <span className="gateway-logo">
          <img src={logo} alt="" width={20} height={20} />
          Gateway
        </span>
      </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, merge, copy }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <ExamplesMenu examples={examples} />
          </>
        )}
      </GraphiQL.Toolbar>
    </GraphiQL>
  );
}
