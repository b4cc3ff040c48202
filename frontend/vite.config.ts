import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Relative addresses: the page at <prefix>/graphql finds its assets at <prefix>/ide, whatever proxy stands in front.
  base: "./",
  build: {
    outDir: "../gateway/ide/dist",
    emptyOutDir: true,
    assetsDir: "ide",
    // The policy of the page allows no data: scripts or workers, so nothing is inlined.
    assetsInlineLimit: 0,
    // Monaco in one piece; it is loaded once and kept for ever under its hashed name.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      onLog(level, log, print) {
        // "use no memo" speaks to a compiler that we do not run.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") print(level, log);
      },
    },
  },
});
