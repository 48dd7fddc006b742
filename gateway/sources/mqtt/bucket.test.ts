import fc from "fast-check"
import t from "tap"
import { createBuckets, fullBucket, giveBack, take } from "./bucket.ts"

const rate = { perSecond: 10, burst: 100 }

t.test("what passes in any span of time is at most the burst and the rate", async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 20_000 })), {
        minLength: 1,
      }),
      (asks) => {
        const bucket = fullBucket(rate, 0)
        const passed: [at: number, cost: number][] = []
        let now = 0
        for (const [cost, pause] of asks) {
          now += pause
          passed.push([now, cost])
          // Whoever waits as long as it is told to owes nothing afterwards.
          now += take(bucket, rate, cost, now)
        }
        for (let i = 0; i < passed.length; i++) {
          let sum = 0
          for (let j = i; j < passed.length; j++) {
            // The last one goes through before it is paid.
            if (sum > rate.burst + ((passed[j]![0] - passed[i]![0]) * rate.perSecond) / 1000 + 1e-6)
              return false
            sum += passed[j]![1]
          }
        }
        return true
      },
    ),
  )
})

t.test("within the rate nobody waits; what is owed says how long", async (t) => {
  const bucket = fullBucket(rate, 0)
  t.equal(take(bucket, rate, 100, 0), 0)
  t.equal(take(bucket, rate, 5, 0), 500)
  t.equal(take(bucket, rate, 0, 400), 100)
  t.equal(take(bucket, rate, 0, 500), 0)
  t.equal(take(bucket, rate, 101, 1_000_000), 100, "it holds no more than a burst")
  giveBack(bucket, rate, 500, 1_000_000)
  t.equal(bucket.level, 100)
  t.equal(take(bucket, rate, 100, 0), 0, "a clock that steps back costs nobody anything")
})

t.test("each key has a bucket of its own, and their number is bounded", async (t) => {
  let now = 0
  const buckets = createBuckets(rate, () => now)
  t.equal(buckets.take("a", 101), 100)
  t.equal(buckets.take("b", 100), 0)
  for (let i = 0; i < 5000; i++) buckets.take(`key ${i}`, 0)
  t.ok(buckets.take("a", 0) > 0, "who owes is not forgiven for the crowd's sake")
  now = 100
  buckets.giveBack("b", 100)
  t.equal(buckets.take("b", 100), 0)
})
