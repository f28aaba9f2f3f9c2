/** What a caller lets the cache do for it. */
export interface Freshness {
  /** A prediction that is older, in milliseconds, is made anew; 0: any. */
  maxAgeMs: number;
  /** Whether what is made for it may be kept. */
  mayKeep: boolean;
}

const ANY: Freshness = { maxAgeMs: Infinity, mayKeep: true };
const NONE: Freshness = { maxAgeMs: 0, mayKeep: false };
/** What is longer is not read, and the cache does nothing for it: 16 KB of commas would take 50 ms. */
const MOST_CHARACTERS = 1000;

/** Reads a Cache-Control (RFC 9111) of a request: no-cache, no-store and max-age; what else it says is not for us. */
export function freshnessOf(cacheControl: string | undefined): Freshness {
  if (cacheControl === undefined) return ANY;
  if (cacheControl.length > MOST_CHARACTERS) return NONE;
  const freshness = { ...ANY };
  for (const directive of cacheControl.toLowerCase().split(',')) {
    const [name = '', value = ''] = directive.split('=', 2).map((part) => part.trim());
    if (name === 'no-store') freshness.mayKeep = false;
    if (name === 'no-store' || name === 'no-cache') freshness.maxAgeMs = 0;
    const seconds = name === 'max-age' ? /^"?(\d{1,9})"?$/.exec(value)?.[1] : undefined;
    if (seconds !== undefined) freshness.maxAgeMs = Math.min(freshness.maxAgeMs, Number(seconds) * 1000);
  }
  return freshness;
}
