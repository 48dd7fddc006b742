import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import t from "tap"
import { vectorNames, vectorsFolder } from "./vectors/load.ts"

/** The first Python that has what the script needs; Debian's own has it where another comes first in the path. */
const python = ["python3", "/usr/bin/python3"].find(
  (command) => spawnSync(command, ["-c", "import cryptography, cbor2"]).status === 0,
)

t.test(
  "a second implementation, in Python and with nothing of ours, comes to every verdict of the vectors",
  {
    skip:
      python === undefined &&
      "no python3 with cryptography and cbor2 (apt install python3-cryptography python3-cbor2)",
  },
  async (t) => {
    const script = fileURLToPath(new URL("verify.py", vectorsFolder))
    const { status, stdout, stderr } = spawnSync(python!, [script], { encoding: "utf8" })
    t.equal(status, 0, stderr)
    const lines = stdout.trimEnd().split("\n")
    t.equal(lines.length, vectorNames.length, "a line for each file")
    for (const [i, name] of vectorNames.entries())
      t.match(lines[i]!, new RegExp(`^${name}\\.json: .*: as stated$`))
  },
)
