import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import t from "tap"

const units = ["gateway", "validator"].map((name) => `systemd/commonwatt-${name}.service`)
const absent = spawnSync("systemd-analyze", ["--version"]).status !== 0
const skip = absent ? "systemd-analyze is not here" : false

t.test("what a break-in could reach is at most 1.5 of 10 by systemd's own count", { skip }, async (t) => {
  for (const unit of units) {
    const analyze = (threshold: number) =>
      spawnSync("systemd-analyze", ["security", "--offline=true", `--threshold=${threshold}`, unit], {
        encoding: "utf8",
      })
    const { status, stdout, stderr } = analyze(15)
    t.equal(status, 0, `${unit}: ${stdout.trim().split("\n").at(-1)} ${stderr}`)
    t.not(analyze(5).status, 0, "and the count is one that can fail")
  }
})

t.test("no key is in a unit, its environment or its command line", async (t) => {
  for (const unit of units) {
    const text = readFileSync(unit, "utf8")
    t.match(text, /^LoadCredential=key:\/etc\/commonwatt\/keys$/m)
    t.match(text, /^LoadCredentialEncrypted=sealed:\/etc\/commonwatt\/sealed$/m)
    // By its bare name it may be absent: a gateway with plain keys has none.
    if (unit.includes("gateway"))
      t.match(text, /^LoadCredentialEncrypted=passphrase:commonwatt\.passphrase$/m)
    t.notMatch(text, /^(ExecStart|Environment)=.*key/im)
  }
})

t.test("a service is ready when it says so, is watched, and is started again without end", async (t) => {
  for (const unit of units) {
    const text = readFileSync(unit, "utf8")
    for (const line of ["Type=notify", "NotifyAccess=all", "Restart=always", "StartLimitIntervalSec=0"])
      t.match(text, new RegExp(`^${line}$`, "m"), `${unit}: ${line}`)
    t.match(text, /^WatchdogSec=\d+$/m)
  }
})

t.test(
  "what takes bundles from strangers' sticks has no network and may be little more than read and mount",
  async (t) => {
    const text = readFileSync("systemd/commonwatt-firstboot.service", "utf8")
    for (const line of [
      "PrivateNetwork=yes",
      "NoNewPrivileges=yes",
      "ProtectSystem=strict",
      "PrivateMounts=yes",
    ])
      t.match(text, new RegExp(`^${line}$`, "m"))
    t.match(text, /^CapabilityBoundingSet=CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID$/m)
  },
)

t.test("the shell scripts of the package can be parsed", async (t) => {
  const scripts = [
    "start",
    "upgrade",
    "boot/check",
    ...["preinst", "postinst", "prerm", "postrm"].map((s) => `debian/${s}`),
  ]
  for (const script of scripts) {
    const { status, stderr } = spawnSync("sh", ["-n", `systemd/package/${script}`], { encoding: "utf8" })
    t.equal(status, 0, `${script} ${stderr}`)
  }
  for (const script of ["build", "boot/run", "boot/run-processor", "boot/card"])
    t.equal(spawnSync("bash", ["-n", `systemd/package/${script}`]).status, 0, script)
})
