import { faultNames, readScenario, runSimulation } from "../device-sim/main.ts"
import { type Command, required, untilStopped } from "./command.ts"

export const sim: Command = {
  name: "sim",
  summary: "simulated meters alone",
  help: `
Usage: commonwatt sim --scenario FILE

  --scenario FILE   homes, meters, buses and faults (YAML); docs/simulation.md describes it

Faults that a meter can be given:
${Object.entries(faultNames)
  .map(([name, what]) => `  ${name.padEnd(14)} ${what}`)
  .join("\n")}

Example:
  commonwatt sim --scenario scenario.yaml
`,
  options: { scenario: { type: "string" } },
  async run(values) {
    const signal = untilStopped()
    const scenario = readScenario(required(values, "scenario", "what to simulate"))
    await runSimulation(scenario, { signal, log: (line) => process.stderr.write(`${line}\n`) })
    return 0
  },
}
