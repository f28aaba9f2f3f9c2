import { literal, type Size } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { isRows, refuse, type Value } from '../value.js';
import { requireRowsFirst } from './axes.js';

/** Each text by itself, unless there are stop words: texts that are one are dropped, and the rest moves up. */
function stringNormalizer(step: Step): Value[] {
  const dims = step.dims(0);
  if (step.texts('stopwords')?.length) refuse('drops rows that are stop words');
  if (isRows(step.input(0)) && dims.length !== 1) refuse('takes one dimension, or a single row');
  return [{ dims }];
}

/** The words of each text, filled up to as many as the longest text of all rows has. */
function tokenizer(step: Step): Value[] {
  const dims = step.dims(0);
  if (!isRows(step.input(0))) return [{ dims: [...dims, step.fresh()] }];
  // Some versions of the runtime put the end mark after the filling: it would follow a word, or would not.
  if (step.int('mark', 0) !== 0) refuse('marks the end of a text that it fills up to the longest of the batch');
  return [{ dims: [...dims, step.fresh()], padding: step.text('pad_value', '') }];
}

/** Counts words, or runs of them. What fills up a text is at its end, and counts only if it is in the vocabulary. */
function tfIdfVectorizer(step: Step): Value[] {
  const tokens = step.input(0);
  const [rows] = requireRowsFirst(tokens, (rank) => rank === 2);
  if (!rows) return refuse('takes what is not a table');
  if (tokens.padding !== undefined && step.includes('pool_strings', tokens.padding)) {
    refuse(`counts "${tokens.padding}", which fills texts up to the longest of the batch`);
  }
  return [{ dims: [rows, width(step)] }];
}

function width(step: Step): Size {
  return literal((step.greatest('ngram_indexes') ?? refuse('lacks its vocabulary')) + 1);
}

export const TEXT: OperatorTable = {
  StringNormalizer: { rule: stringNormalizer },
  TfIdfVectorizer: { rule: tfIdfVectorizer, padding: true },
};

/** ONNX Runtime's own (`com.microsoft`), which scikit-learn's exporter uses. */
export const TOKENIZERS: OperatorTable = {
  Tokenizer: { rule: tokenizer },
};
