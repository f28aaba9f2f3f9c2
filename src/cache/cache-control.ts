/** What a caller lets the cache do for it. */
export interface Freshness {
  /** A prediction that is older, in milliseconds, is made anew; 0: any. */
  maxAgeMs: number;
  /** Whether what is made for it may be kept. */
  mayKeep: boolean;
}

const ANY: Freshness = { maxAgeMs: Infinity, mayKeep: true };

/** Reads a Cache-Control (RFC 9111) of a request: no-cache, no-store and max-age; what else it says is not for us. */
export function freshnessOf(cacheControl: string | undefined): Freshness {
  if (cacheControl === undefined) return ANY;
  const freshness = { ...ANY };
  for (const directive of cacheControl.toLowerCase().split(',')) {
    const [, name, seconds] = /^\s*([\w-]+)\s*(?:=\s*"?(\d{1,9})"?)?\s*$/.exec(directive) ?? [];
    if (name === 'no-store') freshness.mayKeep = false;
    if (name === 'no-store' || name === 'no-cache') freshness.maxAgeMs = 0;
    if (name === 'max-age' && seconds !== undefined)
      freshness.maxAgeMs = Math.min(freshness.maxAgeMs, Number(seconds) * 1000);
  }
  return freshness;
}
