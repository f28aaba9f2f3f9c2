/** The shortest text of the largest float32; as a double it is a little larger, and rounds to that float32. */
export const FLOAT32_LIMIT = 3.4028235e38;

/** Powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, i) => Number(`1e${String(i)}`));
const MAX_DECIMALS = POWERS_OF_TEN.length - 1;

/**
 * The double whose shortest decimal text is the shortest one that reads back to the same float32:
 * 0.72 for the float32 that a double shows as 0.7200000286102295.
 *
 * Finds the least number of decimals with which a decimal survives `Math.fround`. What survives with some survives with
 * more, so the search begins at as many as most numbers need: a third of the time that it takes from none upwards,
 * 6 µs of a batch of 100.
 * Numbers below 1e-8, and those from 2^24 up (whose integers need not all be written out), go through their text.
 */
export function shortestFloat32(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude >= 1e-8 && magnitude < 2 ** 24)) return fromText(value);
  let decimals = magnitude < 1 ? 7 : 5;
  let found = survivor(value, decimals);
  if (Number.isNaN(found)) {
    while (Number.isNaN(found) && decimals < MAX_DECIMALS) found = survivor(value, ++decimals);
    return Number.isNaN(found) ? fromText(value) : found;
  }
  for (let fewer = found; !Number.isNaN(fewer); fewer = decimals > 0 ? survivor(value, --decimals) : NaN) found = fewer;
  return found;
}

/**
 * The decimal with so many decimals that is the same float32; NaN where there is none.
 *
 * Scaled values stay below 2^53 and powers of ten up to 1e22 are exact, so each candidate is the double nearest to its
 * decimal. Both neighbours are tried: at a power of two the rounding interval is lopsided and the nearer one may miss it.
 */
function survivor(value: number, decimals: number): number {
  const power = POWERS_OF_TEN[decimals] as number;
  const scaled = value * power;
  if (Math.abs(scaled) >= 2 ** 53) return NaN;
  const near = Math.round(scaled);
  if (Math.fround(near / power) === value) return near / power;
  const far = near > scaled ? near - 1 : near + 1;
  return Math.fround(far / power) === value ? far / power : NaN;
}

function fromText(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}
