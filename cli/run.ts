import pino, { type Logger } from "pino"
import { type Config, readConfig } from "../gateway/config.ts"
import { startGateway } from "../gateway/main.ts"
import { reload } from "../gateway/reload.ts"
import { serviceManager, superviseUnder } from "../gateway/supervise/notify.ts"
import { createProgress } from "../gateway/supervise/progress.ts"
import { PersonError } from "../protocol/error.ts"
import { type Command, optional, required, untilStopped, whenAborted } from "./command.ts"

export const run: Command = {
  name: "run",
  summary: "the gateway",
  help: `
Usage: commonwatt run --config FILE [--log LEVEL]

  --config FILE   the gateway's configuration (YAML)
  --log LEVEL     debug, info, warn or error; default as configured. The log goes to stderr, a JSON line for each event.

Ends cleanly on SIGTERM and SIGINT. On SIGHUP it reads its configuration again and takes what can change under way; the
log says what waits for a restart. A configuration with mistakes changes nothing. Started by systemd, it says when it is
ready, and feeds the watchdog for as long as meters are polled, readings are stored and settlement goes round.

Example:
  commonwatt run --config /etc/commonwatt/gateway.yaml
`,
  options: { config: { type: "string" }, log: { type: "string" } },
  async run(values) {
    const signal = untilStopped()
    const configFile = required(values, "config", "the gateway's configuration")
    const config = readConfig(configFile)
    const level = () => optional(values, "log") ?? config.logLevel ?? "info"
    const log = pino({ level: level(), base: null }, pino.destination(2))
    const onHangUp = () => {
      readAgain(configFile, config, log)
      log.level = level()
    }
    // From the start on: without a listener the signal would end the gateway.
    process.on("SIGHUP", onHangUp)
    const progress = createProgress(() => performance.now())
    const gateway = await startGateway(config, log, { configFile, stopping: signal, progress })
    const leave = await superviseUnder(serviceManager(), { progress, status: gateway.status, log })
    process.send?.({ mqtt: gateway.mqttPort, web: gateway.webPort })
    const failure = await Promise.race([whenAborted(signal), gateway.failed])
    process.off("SIGHUP", onHangUp)
    log.info("stopping")
    await leave()
    await gateway.stop()
    log.info("stopped")
    return failure === undefined ? 0 : 1
  },
}

/** A configuration that is refused keeps the old one running. */
function readAgain(file: string, config: Config, log: Logger): void {
  try {
    const { taken, waiting } = reload(config, readConfig(file))
    log.info({ taken }, "the configuration was read again")
    if (waiting.length > 0) log.warn({ waiting }, "some of the configuration waits for a restart")
  } catch (error) {
    if (!(error instanceof PersonError)) throw error
    log.error(
      { reason: error.message, mistakes: error.context },
      "the configuration is refused, the old one goes on",
    )
  }
}
