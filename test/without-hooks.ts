// tap starts each test, and whatever a test starts, under hooks that write down every file that is loaded. They are for
// coverage, which is not measured here, and make starting a process three times as long. Loaded before tap's own, this
// leaves them out, in all processes that are started from here.
import module from "node:module"

Object.assign(module, { register() {}, registerHooks() {} })
process.env.NODE_OPTIONS = `--import=${import.meta.url}`
