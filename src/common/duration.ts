const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration as people write it: `60s`, `15m`, `12h`, `30d`; undefined where it is none. */
export function toMilliseconds(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const [, count, unit] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(count) * (UNITS[unit] as number);
}
