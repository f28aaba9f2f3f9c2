import { type DataType } from '../inference/tensor.js';
import { type NamedTensor } from './inference.js';
import { ofInput, TensorProblem } from './tensor-problem.js';

/**
 * Refuses elements that the runtime would take for others without a word: it cuts texts at U+0000, replaces lone
 * surrogates, and passes any byte on as a boolean.
 *
 * @throws DomainError `validation_failed`
 */
export function checkContents(inputs: readonly NamedTensor[]): void {
  for (const { name, tensor } of inputs) {
    const check = CHECKS[tensor.type];
    if (check) ofInput(name, check.bind(undefined, tensor.data as never));
  }
}

const CHECKS: Partial<Record<DataType, (data: never) => void>> = { string: checkTexts, bool: checkFlags };

function checkTexts(texts: readonly string[]): void {
  for (const [index, text] of texts.entries()) {
    if (text.includes('\0')) throw new TensorProblem(`holds U+0000 in element ${index}: the runtime cuts a text there`);
    if (!text.isWellFormed()) throw new TensorProblem(`holds half a surrogate pair in element ${index}`);
  }
}

function checkFlags(flags: Uint8Array): void {
  const wrong = flags.findIndex((flag) => flag > 1);
  if (wrong !== -1) throw new TensorProblem(`holds a byte in element ${wrong} that is neither 0 nor 1`);
}
