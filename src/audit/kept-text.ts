import { redactedJson } from '../common/redacted-json.js';
import { type Prediction } from '../signature/prediction.js';

/** Characters of a row, or of a prediction, that are kept: an image would fill the database, and take ms to write out. */
const MOST = 16 * 1024;

/** A row as it is kept, as JSON: null where there is none, or it is too large. */
export function keptRow(row: unknown, redact: ReadonlyMap<string, unknown>): string | null {
  if (row === undefined || isLong(row)) return null;
  const text = redactedJson(row, redact.size > 0 ? redact : undefined);
  return text.length > MOST ? null : text;
}

/** A prediction as it is kept, as JSON: without its lists where they are too large. */
export function keptPrediction(prediction: Prediction): string {
  if (!isLong(prediction)) {
    const text = JSON.stringify(prediction);
    if (text.length <= MOST) return text;
  }
  const { probabilities: _probabilities, outputs: _outputs, ...rest } = prediction;
  return JSON.stringify(rest);
}

/** Whether a JSON value would certainly be too long as text; told in a moment, also of a list of any length. */
function isLong(value: unknown): boolean {
  let left = MOST;
  const take = (part: unknown): void => {
    if (typeof part === 'string') left -= part.length;
    if (typeof part !== 'object' || part === null) return;
    const inside: readonly unknown[] = Array.isArray(part) ? part : Object.values(part);
    left -= 2 * inside.length; // each has a character, and one beside it
    for (const one of inside) {
      if (left < 0) return;
      take(one);
    }
  };
  take(value);
  return left < 0;
}
