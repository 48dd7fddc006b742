import { faultsByKind, readScenario, runSimulation } from "../device-sim/main.ts"
import { type Command, required, untilStopped } from "./command.ts"

const titles = {
  messages: "in what a meter on MQTT sends",
  registers: "in a meter's registers",
  operation: "in a meter that signs",
  bus: "on a Modbus bus",
} as const

const faults = Object.entries(titles)
  .map(([kind, title]) => {
    const group = Object.entries(faultsByKind[kind as keyof typeof titles])
    return `Faults ${title}:\n${group.map(([name, what]) => `  ${name.padEnd(20)} ${what}`).join("\n")}\n`
  })
  .join("\n")

export const sim: Command = {
  name: "sim",
  summary: "simulated meters alone",
  help: `
Usage: commonwatt sim --scenario FILE

  --scenario FILE   homes, meters, buses and faults (YAML); docs/simulation.md describes it

${faults}
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
