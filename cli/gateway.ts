import { runCommand } from "./command.ts"
import { run } from "./run.ts"

// `commonwatt run` alone, as the service starts it: packed (pack.ts) it takes less memory than among all commands.
process.exit(await runCommand(run, process.argv.slice(2)))
