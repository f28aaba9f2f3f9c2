import { decimalText } from '../../common/decimal-text.js';
import { type Prediction } from '../../signature/prediction.js';

/** The end of every PredictionDto of one answer. */
export function predictionEnd(version: string, timestamp: string): string {
  return `,"model_version":${quoted(version)},"timestamp":"${timestamp}"}`;
}

/**
 * The text of a PredictionDto. Its form is known, and putting 100 of them together by hand costs two thirds of what
 * JSON.stringify does.
 *
 * Its numbers are finite: decoding sees to that.
 *
 * @param end what `predictionEnd` gives
 */
export function predictionJson(prediction: Prediction, end: string): string {
  const { prediction: value, probability, prediction_class, probabilities, outputs } = prediction;
  // Neither a number nor null where no double holds the integer that it is.
  const token = typeof value === 'number' ? decimalText(value) : JSON.stringify(value);
  const chance = probability === null ? 'null' : probability === value ? token : decimalText(probability);
  const name = prediction_class === null ? 'null' : quoted(prediction_class);
  let text = `{"prediction":${token},"probability":${chance},"prediction_class":${name}`;
  if (probabilities) text += `,"probabilities":${JSON.stringify(probabilities)}`;
  if (outputs) text += `,"outputs":${JSON.stringify(outputs)}`;
  return text + end;
}

/** Classes and versions as they are written: those of the models that were loaded, few but for a process that sees many. */
const QUOTED = new Map<string, string>();
const MAX_QUOTED = 10_000;

/** JSON.stringify of a class or a version. It would be 3 % of a batch of 100. */
function quoted(name: string): string {
  const known = QUOTED.get(name);
  if (known !== undefined) return known;
  if (QUOTED.size === MAX_QUOTED) QUOTED.clear();
  const text = JSON.stringify(name);
  QUOTED.set(name, text);
  return text;
}
