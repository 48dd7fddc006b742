import pino, { type Logger } from "pino"
import { type Config, readConfig } from "../gateway/config.ts"
import { startGateway } from "../gateway/main.ts"
import { reload } from "../gateway/reload.ts"
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
log says what waits for a restart. A configuration with mistakes changes nothing.

Example:
  commonwatt run --config /etc/commonwatt/gateway.yaml
`,
  options: { config: { type: "string" }, log: { type: "string" } },
  async run(values) {
    const signal = untilStopped()
    const file = required(values, "config", "the gateway's configuration")
    const config = readConfig(file)
    const level = () => optional(values, "log") ?? config.logLevel ?? "info"
    const log = pino({ level: level(), base: null }, pino.destination(2))
    const onHangUp = () => {
      readAgain(file, config, log)
      log.level = level()
    }
    // From the start on: without a listener the signal would end the gateway.
    process.on("SIGHUP", onHangUp)
    const gateway = await startGateway(config, log)
    process.send?.({ mqtt: gateway.mqttPort, web: gateway.webPort })
    await whenAborted(signal)
    process.off("SIGHUP", onHangUp)
    log.info("stopping")
    await gateway.stop()
    log.info("stopped")
    return 0
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
