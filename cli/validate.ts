import pino from "pino"
import { evidenceFrom } from "../audit/evidence-source.ts"
import { createValidator } from "../audit/validator.ts"
import { readValidatorConfig } from "../audit/validator-config.ts"
import { serveValidator } from "../audit/validator-server.ts"
import { createClock } from "../protocol/clock.ts"
import type { Hex } from "../protocol/hex.ts"
import { readAccountKey } from "../protocol/key-file.ts"
import { readSecret } from "../protocol/sealed-secret.ts"
import { type Command, required, untilStopped, whenAborted } from "./command.ts"

export const validate: Command = {
  name: "validate",
  summary: "a validator",
  help: `
Usage: commonwatt validate --config FILE

  --config FILE   the validator's configuration (YAML)

A validator recomputes each batch from its evidence and signs its root, or refuses and says why. It keeps what it
signed, and never signs two roots for one number.

Example:
  commonwatt validate --config validator.yaml
`,
  options: { config: { type: "string" } },
  async run(values) {
    const signal = untilStopped()
    const config = readValidatorConfig(required(values, "config", "the validator's configuration"))
    const log = pino({ base: null }, pino.destination(2))
    const validator = createValidator({
      rpc: config.rpc,
      oracle: config.oracle as Hex,
      privateKey: readAccountKey(config.keyFile, "The validator's key"),
      identities: [readSecret(config.identityFile, "The age identity")],
      evidence: new Map(config.sites.map(({ site, evidence }) => [site, evidenceFrom(evidence)])),
      dataDir: config.dataDir,
      clock: createClock(config.pace, Date.now),
      log: (what, details) => log.info(details, what),
    })
    const server = await serveValidator(validator, config.listen)
    log.info({ validator: validator.address, port: server.port }, "the validator is up")
    process.send?.({ port: server.port })
    await whenAborted(signal)
    await server.close()
    return 0
  },
}
