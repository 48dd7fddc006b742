import { build } from "esbuild"

/** Bundles what browsers run, beside the compiled server: each file has all that it needs in it. */
await build({
  entryPoints: {
    wallet: "gateway/web/wallet/browser/wallet.ts",
    login: "gateway/web/wallet/browser/login.ts",
  },
  outdir: "dist/gateway/web/wallet",
  bundle: true,
  minify: true,
  format: "iife",
  // Browsers of 2022 and later: what a cheap phone of today runs.
  target: ["chrome100", "firefox100", "safari16"],
  legalComments: "linked",
  logLevel: "warning",
})
