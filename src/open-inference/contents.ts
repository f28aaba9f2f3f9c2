import { type NamedTensor } from './inference.js';
import { failed, quoted } from './contract.js';

/**
 * Refuses elements that the runtime would take for others without a word: it cuts texts at U+0000, replaces lone
 * surrogates, and passes any byte on as a boolean.
 *
 * @throws DomainError `validation_failed`
 */
export function checkContents(inputs: readonly NamedTensor[]): void {
  for (const { name, tensor } of inputs) {
    const { type, data } = tensor;
    if (type === 'string') checkTexts(name, data as string[]);
    else if (type === 'bool') checkFlags(name, data as Uint8Array);
  }
}

function checkTexts(name: string, texts: readonly string[]): void {
  for (const [index, text] of texts.entries()) {
    if (text.includes('\0'))
      throw failed([`input ${quoted(name)} holds U+0000 in element ${index}: the runtime cuts a text there`]);
    if (!text.isWellFormed()) throw failed([`input ${quoted(name)} holds half a surrogate pair in element ${index}`]);
  }
}

function checkFlags(name: string, flags: Uint8Array): void {
  const wrong = flags.findIndex((flag) => flag > 1);
  if (wrong !== -1) throw failed([`input ${quoted(name)} holds a byte in element ${wrong} that is neither 0 nor 1`]);
}
