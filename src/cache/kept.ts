import { isJsonObject, type JsonObject } from '../common/json-schema/json-schema.js';
import { type Prediction } from '../signature/prediction.js';

/** A prediction that is kept. Times are by the monotonic clock, in milliseconds. */
export interface Kept {
  prediction: Prediction;
  madeAt: number;
  expiresAt: number;
}

/** Node's, which TypeScript's library does not know yet: numbers written as they stand, and read with their text. */
const { rawJSON, isRawJSON, parse } = JSON as unknown as {
  rawJSON: (text: string) => unknown;
  isRawJSON: (value: unknown) => boolean;
  parse: (text: string, revive?: (name: string, value: unknown, context: { source?: string }) => unknown) => unknown;
};

/** What a number may look like that no double holds. */
const LONG_INTEGER = /\d{16}/;

/** The text of a prediction for other processes, which have other monotonic clocks. */
export function toText({ prediction, madeAt }: Kept): string {
  return JSON.stringify({ made_at: Math.round(Date.now() - (performance.now() - madeAt)), prediction });
}

/**
 * Reads what another process wrote. It may have been another program, or another release of this one.
 *
 * @returns undefined where it is not the text of a prediction
 */
export function fromText(text: string, ttlMs: number): Kept | undefined {
  let value: unknown;
  try {
    value = LONG_INTEGER.test(text) ? parse(text, keepDigits) : parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || !Number.isFinite(value.made_at) || !isPrediction(value.prediction)) return undefined;
  const madeAt = performance.now() - Math.max(0, Date.now() - (value.made_at as number));
  return { prediction: value.prediction, madeAt, expiresAt: madeAt + ttlMs };
}

function keepDigits(_name: string, value: unknown, { source = '' }: { source?: string }): unknown {
  const isLong = typeof value === 'number' && /^-?\d+$/.test(source) && String(value) !== source;
  return isLong ? rawJSON(source) : value;
}

const NAMES = new Set(['prediction', 'probability', 'prediction_class', 'probabilities', 'outputs']);

function isPrediction(value: unknown): value is Prediction {
  if (!isJsonObject(value) || !Object.keys(value).every((name) => NAMES.has(name))) return false;
  const own = (name: string) => (Object.hasOwn(value, name) ? value[name] : undefined);
  const [prediction, probability, name] = [own('prediction'), own('probability'), own('prediction_class')];
  const [probabilities, outputs] = [own('probabilities'), own('outputs')];
  return (
    (prediction === null || Number.isFinite(prediction) || isRawJSON(prediction)) &&
    (probability === null || Number.isFinite(probability)) &&
    (name === null || typeof name === 'string') &&
    (probabilities === undefined || isOfNumbers(probabilities)) &&
    (outputs === undefined || (isJsonObject(outputs) && isTensors(outputs, MOST_DEPTH)))
  );
}

/** What a tensor can be: code that walks a value would run out of stack. */
const MOST_DEPTH = 64;

function isTensors(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value); // JSON reads 1e999 as an infinity, and cannot write it
  if (typeof value !== 'object' || value === null || isRawJSON(value)) return true;
  return levels > 0 && Object.values(value).every((item) => isTensors(item, levels - 1));
}

function isOfNumbers(value: unknown): value is Record<string, number> {
  return isJsonObject(value) && Object.values(value).every(Number.isFinite);
}

/** About the memory that an entry takes, in bytes: within a third of what was measured, for predictions of each task. */
export function bytesOf({ prediction }: Kept): number {
  return ENTRY_BYTES + sizeOf(prediction);
}

/** Its key, its times, and its place in the lists of what was used when. */
const ENTRY_BYTES = 200;

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return 24 + value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + sizeOf(item), 32);
  if (typeof value !== 'object' || value === null) return 12;
  let bytes = 56;
  for (const name of Object.keys(value)) bytes += 24 + sizeOf((value as JsonObject)[name]);
  return bytes;
}
