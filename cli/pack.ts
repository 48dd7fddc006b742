import { readFileSync, rmSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build, type Plugin } from "esbuild"

const dist = fileURLToPath(new URL("..", import.meta.url))

/**
 * What a file says of its own place stays true: it finds what lies beside it. And zod is asked for by its parts, so that
 * those that nobody uses, its sixty languages above all, can be left out.
 */
const asWritten: Plugin = {
  name: "as written",
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (path.includes("node_modules")) return undefined
      const place = `new URL(${JSON.stringify(`../${relative(dist, path)}`)}, import.meta.url).href`
      const contents = readFileSync(path, "utf8")
        .replaceAll("import.meta.url", place)
        .replace('import { z } from "zod"', 'import * as z from "zod"')
      return { contents }
    })
  },
}

rmSync(`${dist}packed`, { recursive: true, force: true })
/**
 * Packs the compiled gateway into a few files, with those parts of the libraries that it uses, for a box with little
 * memory: what Node keeps of each module and its text is most of what the gateway's own heap holds (docs/performance.md).
 * Names stay, so that a stack trace still says where. Native modules stay where they are installed, and licences with them.
 */
await build({
  entryPoints: [`${dist}cli/gateway.js`],
  outdir: `${dist}packed`,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  external: ["better-sqlite3", "sodium-native", "@serialport/bindings-cpp"],
  // Libraries in CommonJS ask for Node's own modules when they run.
  banner: {
    js: 'import{createRequire as requireFrom}from"node:module";const require=requireFrom(import.meta.url);',
  },
  plugins: [asWritten],
  logLevel: "warning",
})
