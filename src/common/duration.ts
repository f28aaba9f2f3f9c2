const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A hundred years: longer is a mistake, and would lead beyond what dates can say. */
const MOST = 36_500 * 86_400_000;

/** Milliseconds of a duration as people write it: `500ms`, `60s`, `15m`, `12h`, `30d`; undefined where it is none. */
export function toMilliseconds(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const [, count, unit] = /^([1-9]\d{0,14})(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit ?? ''] ?? NaN);
  return ms <= MOST ? ms : undefined;
}
