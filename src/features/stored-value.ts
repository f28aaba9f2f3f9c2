import { type Feature } from '../signature/feature.js';

/** A number as JSON writes it, with any number of digits. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const BOOLEANS = new Map<unknown, boolean>([
  [0n, false],
  [1n, true],
  [0, false],
  [1, true],
  ['false', false],
  ['true', true],
]);

/**
 * What a database has in a column, as the JSON value that a client would send for the feature. SQLite keeps booleans as 0
 * and 1, and drivers give whole numbers as bigint and decimals as text.
 *
 * What is none is left as it is, for the schema to refuse: a whole number that no double holds among it. Decimals become
 * the nearest double, as JSON's do.
 */
export function toFeatureValue(value: unknown, { kind, shape }: Feature): unknown {
  if (value === null) return null;
  if (shape.length > 0) return typeof value === 'string' ? parsed(value) : value;
  switch (kind) {
    case 'number':
    case 'integer':
      return toNumber(value);
    case 'boolean':
      return BOOLEANS.get(value) ?? value;
    case 'string':
      return typeof value === 'bigint' || typeof value === 'number' ? wholeText(value) : value;
  }
}

function wholeText(value: number | bigint): unknown {
  return typeof value === 'bigint' || Number.isInteger(value) ? String(value) : value;
}

function toNumber(value: unknown): unknown {
  if (typeof value === 'bigint') return exactly(value) ?? value;
  if (typeof value !== 'string' || !NUMBER.test(value)) return value;
  const isWhole = !/[.eE]/.test(value);
  return isWhole ? (exactly(BigInt(value)) ?? value) : Number(value);
}

function exactly(whole: bigint): number | undefined {
  const number = Number(whole);
  return Number.isFinite(number) && BigInt(number) === whole ? number : undefined;
}

/** A nested array that is kept as JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
