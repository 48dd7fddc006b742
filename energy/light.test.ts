import t from "tap"
import { clearSky, lightOnPanel, panelNormal } from "./light.ts"
import { elevation, sunPosition } from "./sun.ts"

const freiburg = { latitude: 47.995, longitude: 7.85 }
const at = (text: string) => Date.parse(text) / 1000
const heightAt = (time: number) => elevation(sunPosition(freiburg, time))

t.test("the sun is below the horizon at midnight in winter in Freiburg", async (t) => {
  t.ok(heightAt(at("2025-12-21T23:00:00Z")) < -60)
})

t.test("the sun is highest near solar noon, at 90° - latitude + declination", async (t) => {
  for (const [day, height, noon] of [
    ["2025-06-21", 90 - 47.995 + 23.44, "11:30:30"], // 12:00 - 31 min 24 s for 7.85° east + 1 min 50 s
    ["2025-12-21", 90 - 47.995 - 23.44, "11:26:40"], // 12:00 - 31 min 24 s - 1 min 55 s
    ["2025-03-20", 90 - 47.995, "11:36:00"], // 12:00 - 31 min 24 s + 7 min 25 s
  ] as const) {
    let best = at(`${day}T00:00:00Z`)
    for (let time = best; time < at(`${day}T23:59:00Z`); time += 60)
      if (heightAt(time) > heightAt(best)) best = time
    t.ok(Math.abs(heightAt(best) - height) < 0.5, `${day}: ${heightAt(best)}° is near ${height}°`)
    t.ok(
      Math.abs(best - at(`${day}T${noon}Z`)) < 240,
      `${day}: highest at ${new Date(best * 1000).toISOString()}`,
    )
  }
})

t.test("the sun rises in the east and sets in the west", async (t) => {
  t.ok(sunPosition(freiburg, at("2025-06-21T05:00:00Z")).east > 0.5)
  t.ok(sunPosition(freiburg, at("2025-06-21T18:00:00Z")).east < -0.5)
  t.ok(sunPosition(freiburg, at("2025-12-21T11:30:00Z")).north < -0.9)
})

t.test("a clear sky gives 1.1 × 947 W/m² with the sun overhead", async (t) => {
  const { beam, diffuse } = clearSky({ east: 0, north: 0, up: 1 })
  t.ok(Math.abs(beam - 947) < 1, `beam ${beam}`)
  t.ok(Math.abs(diffuse - 94.7) < 0.1)
})

t.test("a closed cover leaves a quarter of the light on level ground, and none at night", async (t) => {
  const sun = sunPosition(freiburg, at("2025-06-21T11:30:00Z"))
  const level = panelNormal({ tilt: 0, azimuth: 180 })
  t.ok(Math.abs(lightOnPanel(sun, 1, level) / lightOnPanel(sun, 0, level) - 0.25) < 1e-9)
  t.equal(lightOnPanel(sunPosition(freiburg, at("2025-06-21T23:30:00Z")), 0, level), 0)
})
