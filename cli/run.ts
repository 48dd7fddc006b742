import pino from "pino"
import { readConfig } from "../gateway/config.ts"
import { startGateway } from "../gateway/main.ts"
import { serviceManager, superviseUnder } from "../gateway/supervise/notify.ts"
import { createProgress } from "../gateway/supervise/progress.ts"
import { type Command, required, untilStopped, whenAborted } from "./command.ts"

export const run: Command = {
  name: "run",
  summary: "the gateway",
  help: `
Usage: commonwatt run --config FILE [--log LEVEL]

  --config FILE   the gateway's configuration (YAML)
  --log LEVEL     debug, info, warn or error; default info. The log goes to stderr, a JSON line for each event.

Ends cleanly on SIGTERM and SIGINT. Started by systemd, it says when it is ready, and feeds the watchdog for as long as
meters are polled, readings are stored and settlement goes round.

Example:
  commonwatt run --config /etc/commonwatt/gateway.yaml
`,
  options: { config: { type: "string" }, log: { type: "string" } },
  async run(values) {
    const signal = untilStopped()
    const configFile = required(values, "config", "the gateway's configuration")
    const config = readConfig(configFile)
    const log = pino(
      { level: typeof values.log === "string" ? values.log : "info", base: null },
      pino.destination(2),
    )
    const progress = createProgress(() => performance.now())
    const gateway = await startGateway(config, log, { configFile, stopping: signal, progress })
    const leave = await superviseUnder(serviceManager(), { progress, status: gateway.status, log })
    process.send?.({ mqtt: gateway.mqttPort, web: gateway.webPort })
    const failure = await Promise.race([whenAborted(signal), gateway.failed])
    log.info("stopping")
    await leave()
    await gateway.stop()
    log.info("stopped")
    return failure === undefined ? 0 : 1
  },
}
