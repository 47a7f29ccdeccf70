import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import vue from "@vitejs/plugin-vue";
import ElementPlus from "unplugin-element-plus/vite";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import Components from "unplugin-vue-components/vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Entry name → source. The name is what templates ask the manifest for. */
const ENTRIES: Record<string, string> = {
  candidate: "exam_client/web/main.ts",
  board: "proctor/web/main.ts",
  staff: "server/web/staff/main.ts",
  office: "server/web/office/main.ts",
  results: "scoring/web/main.ts",
  analysis: "scoring/web/analysis/main.ts",
  bank: "itembank/web/main.ts",
  tokens: "server/web/tokens.css", // for pages the server renders without any script
};

const STAFF_SOURCES = ["proctor", "itembank", "scoring", "server"].map((folder) => here(`./${folder}/web/**`));

const presentEntries = Object.fromEntries(
  Object.entries(ENTRIES)
    .map(([name, path]) => [name, here(path)] as const)
    .filter(([, path]) => existsSync(path)),
);

export default defineConfig({
  base: "/static/dist/",
  publicDir: false,
  resolve: { alias: { "@web": here("./server/web") } },
  plugins: [
    vue(),
    // Element Plus in staff pages alone. Templates name components freely; functions (ElMessage, …) are imported by hand.
    // Either way the component's own static style sheet comes with it, which is what a strict style-src asks for.
    Components({
      dts: false,
      dirs: [],
      include: [/\.vue$/, /\.vue\?vue/],
      exclude: [/[\\/]node_modules[\\/]/, /[\\/]exam_client[\\/]/],
      resolvers: [ElementPlusResolver({ importStyle: "css" })],
    }),
    ElementPlus({ include: STAFF_SOURCES }),
  ],
  define: { __VUE_PROD_DEVTOOLS__: "false" },
  build: {
    outDir: here("./server/static/dist"),
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "chrome87",
    cssTarget: "chrome87",
    assetsInlineLimit: 0, // no data: addresses, so img-src and font-src stay 'self'
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000, // deploy/build/check_pages.py holds the real budgets
    rolldownOptions: { input: presentEntries },
  },
  server: {
    proxy: {
      "/socket.io": { target: "http://127.0.0.1:8600", ws: true },
      "/api": "http://127.0.0.1:8600",
    },
  },
  test: {
    environment: "happy-dom",
    include: ["{exam_client,itembank,proctor,scoring,server}/**/*.test.ts"],
    setupFiles: ["fake-indexeddb/auto"],
    css: false,
    server: { deps: { inline: ["element-plus"] } }, // its style sheets are imports that Node alone cannot read
  },
});
