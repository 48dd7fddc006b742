/** So much for good, and so much at once. */
export interface Rate {
  perSecond: number
  burst: number
}

/** What is left of one rate, in its own units. Below zero it is a debt, which time pays. */
export interface Bucket {
  level: number
  /** Monotonic milliseconds of the last look. */
  at: number
}

export const fullBucket = ({ burst }: Rate, now: number): Bucket => ({ level: burst, at: now })

function refill(bucket: Bucket, { perSecond, burst }: Rate, now: number): void {
  bucket.level = Math.min(burst, bucket.level + (Math.max(0, now - bucket.at) * perSecond) / 1000)
  bucket.at = Math.max(bucket.at, now)
}

/** Takes `cost` in any case. @returns the milliseconds until nothing is owed; 0 within the rate. */
export function take(bucket: Bucket, rate: Rate, cost: number, now: number): number {
  refill(bucket, rate, now)
  bucket.level -= cost
  return owed(bucket, rate)
}

/** Gives back what turned out to cost nothing. */
export function giveBack(bucket: Bucket, rate: Rate, cost: number, now: number): void {
  refill(bucket, rate, now)
  bucket.level = Math.min(rate.burst, bucket.level + cost)
}

const owed = ({ level }: Bucket, { perSecond }: Rate): number =>
  level >= 0 ? 0 : Math.ceil((-level / perSecond) * 1000)

/** More keys than this are only kept while they owe something or are in use. */
const sweepAbove = 4096

export interface Buckets {
  take(key: string, cost: number): number
  giveBack(key: string, cost: number): void
}

/** One bucket for each key. @param now monotonic milliseconds. */
export function createBuckets(rate: Rate, now: () => number): Buckets {
  const buckets = new Map<string, Bucket>()
  function bucketOf(key: string): Bucket {
    let bucket = buckets.get(key)
    if (!bucket) {
      if (buckets.size >= sweepAbove) sweep()
      bucket = fullBucket(rate, now())
      buckets.set(key, bucket)
    }
    return bucket
  }
  /** A full bucket is as good as none; where all are in use, the oldest is forgiven. */
  function sweep(): void {
    for (const [key, bucket] of buckets) {
      refill(bucket, rate, now())
      if (bucket.level >= rate.burst) buckets.delete(key)
    }
    for (const key of buckets.keys()) {
      if (buckets.size < sweepAbove) break
      buckets.delete(key)
    }
  }
  return {
    take: (key, cost) => take(bucketOf(key), rate, cost, now()),
    giveBack: (key, cost) => giveBack(bucketOf(key), rate, cost, now()),
  }
}
