import t from "tap"
import { configPath } from "./config-path.ts"

t.test("a path in a configuration is relative to the file, wherever the program was started", async (t) => {
  t.equal(configPath("/etc/commonwatt/gateway.yaml", "./keys/site.key", {}), "/etc/commonwatt/keys/site.key")
  t.equal(configPath("/etc/commonwatt/gateway.yaml", "/srv/site.key", {}), "/srv/site.key")
})

t.test("a credential is looked for where systemd shows it to this service", async (t) => {
  const at = { CREDENTIALS_DIRECTORY: "/run/credentials/commonwatt-gateway.service" }
  t.equal(
    configPath("/etc/commonwatt/gateway.yaml", "$CREDENTIALS_DIRECTORY/key_site.key", at),
    "/run/credentials/commonwatt-gateway.service/key_site.key",
  )
  t.throws(() => configPath("gateway.yaml", "$CREDENTIALS_DIRECTORY/key_site.key", {}), {
    name: "PersonError",
    message: /there for a service of systemd alone/,
    next: /systemctl/,
  })
})
