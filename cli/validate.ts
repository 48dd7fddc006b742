import pino from "pino"
import { createValidator, type Validator } from "../audit/validator.ts"
import { serveValidator } from "../audit/validator-server.ts"
import { keepEvidence } from "../evidence/keep.ts"
import { serviceManager, superviseUnder } from "../gateway/supervise/notify.ts"
import { createProgress } from "../gateway/supervise/progress.ts"
import { createClock } from "../protocol/clock.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { readSecret } from "../protocol/sealed-secret.ts"
import { type Command, required, untilStopped, whenAborted } from "./command.ts"
import { readValidatorConfig } from "./validator-config.ts"

/** A first batch after a long absence is recomputed from the site's beginning. */
const judgePatienceMs = 60 * 60_000

/** Loaded where there is a broker: a validator without one starts without it. */
const overMqtt = async () => (await import("../audit/validator-mqtt.ts")).answerOverMqtt

export const validate: Command = {
  name: "validate",
  summary: "a validator",
  help: `
Usage: commonwatt validate --config FILE

  --config FILE   the validator's configuration (YAML)

A validator recomputes each batch from its evidence and signs its root, or refuses and says why. It keeps what it
signed, and never signs two roots for one number. What it refused, with the reasons, is at its address in a browser, and
at /refusals for programs. With "mqtt: {url: …}" in its configuration it is asked over a broker too.

Example:
  commonwatt validate --config validator.yaml
`,
  options: { config: { type: "string" } },
  async run(values) {
    const signal = untilStopped()
    const config = readValidatorConfig(required(values, "config", "the validator's configuration"))
    const log = pino({ base: null }, pino.destination(2))
    const kept = keepEvidence(config, (what, details) => log.info(details, what))
    const validator = createValidator({
      rpc: config.rpc,
      oracle: config.oracle as Hex,
      privateKey: readAccountKey(config.keyFile, "The validator's key"),
      identities: [readSecret(config.identityFile, "The age identity")],
      evidence: new Map(config.sites.map(({ site, evidence }) => [site, kept.from(evidence)])),
      dataDir: config.dataDir,
      clock: createClock(config.pace, Date.now),
      log: (what, details) => log.info(details, what),
    })
    const progress = createProgress(() => performance.now())
    const watched: Validator = {
      ...validator,
      attest: (at, proposal) =>
        progress.within("judging a batch", judgePatienceMs, validator.attest(at, proposal)),
    }
    const server = await serveValidator(watched, config.listen, kept.routes)
    const broker =
      config.mqtt && (await overMqtt())(watched, config.mqtt, (what, details) => log.info(details, what))
    log.info({ validator: validator.address, port: server.port }, "the validator is up")
    process.send?.({ port: server.port })
    const status = () => `${config.sites.length} sites watched as ${validator.address}`
    const leave = await superviseUnder(serviceManager(), { progress, status, log })
    await whenAborted(signal)
    await leave()
    await broker?.close()
    await server.close()
    await kept.close()
    return 0
  },
}
