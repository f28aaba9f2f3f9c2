/** The shortest text of the largest float32; as a double it is a little larger, and rounds to that float32. */
export const FLOAT32_LIMIT = 3.4028235e38;

/** Powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, i) => Number(`1e${String(i)}`));
const MAX_DECIMALS = POWERS_OF_TEN.length - 1;

/**
 * The double whose shortest decimal text is the shortest one that reads back to the same float32:
 * 0.72 for the float32 that a double shows as 0.7200000286102295.
 *
 * Tries 0, 1, 2, … decimals and takes the first that survives `Math.fround`. Scaled values stay below 2^53
 * and powers of ten up to 1e22 are exact, so each candidate is the double nearest to its decimal. Both
 * neighbours are tried: at a power of two the rounding interval is lopsided and the nearer one may miss it.
 * Numbers below 1e-8, and those from 2^24 up (whose integers need not all be written out), go through their text.
 */
export function shortestFloat32(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude >= 1e-8 && magnitude < 2 ** 24)) return fromText(value);
  for (let decimals = 0; decimals <= MAX_DECIMALS; decimals++) {
    const power = POWERS_OF_TEN[decimals] as number;
    const scaled = value * power;
    if (Math.abs(scaled) >= 2 ** 53) break;
    const near = Math.round(scaled);
    if (Math.fround(near / power) === value) return near / power;
    const far = near > scaled ? near - 1 : near + 1;
    if (Math.fround(far / power) === value) return far / power;
  }
  return fromText(value);
}

function fromText(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}
