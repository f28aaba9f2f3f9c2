import { describe } from '@jest/globals';
import { expectDeceits, floatRows } from '../../../test/exports/deceits.js';
import { type Attribute, floats, ints, type Node, node, scalar } from '../../../test/support/onnx-writer.js';
import { type Batch } from '../../../test/exports/runs.js';

const ML = 'ai.onnx.ml';

function texts(...rows: string[]): Batch {
  return { x: { type: 'string', shape: [], rows: rows.map((row) => [row]) } };
}

/** Words of texts, then counts of them: one column for each entry of the vocabulary, single words before pairs. */
function wordCounts(tokens: Record<string, Attribute>, words: string[], pairs: string[] = []): Node[] {
  const settings = { mark: 0, pad_value: '#', tokenexp: '[a-z#]+', mincharnum: 1, ...tokens };
  return [
    node('Tokenizer', ['x'], 'words', settings, 'com.microsoft'),
    node('TfIdfVectorizer', ['words'], 'y', {
      mode: 'TF',
      min_gram_length: 1,
      max_gram_length: pairs.length > 0 ? 2 : 1,
      max_skip_count: 0,
      ngram_counts: pairs.length > 0 ? [0, words.length] : [0],
      ngram_indexes: Array.from({ length: words.length + pairs.length / 2 }, (_, index) => index),
      pool_strings: { texts: [...words, ...pairs] },
    }),
  ];
}

const TEXTS = { inputs: { x: { type: 'string', shape: ['N'] } } } as const;

describe('models of text', () => {
  expectDeceits({
    'a vocabulary with what fills short texts up': {
      ...TEXTS,
      node: 'y_node',
      because: 'fills texts up to the longest of the batch',
      rows: texts('cat', 'the cat sat'),
      agreeing: texts('a cat', 'the dog'),
      nodes: wordCounts({}, ['#', 'cat', 'dog']),
    },
    'a mark at the end, after what fills short texts up': {
      ...TEXTS,
      node: 'words_node',
      because: 'marks the end',
      // This version puts the mark before.
      rows: null,
      nodes: wordCounts({ mark: 1 }, ['cat', 'dog'], ['cat', '\u0003']),
    },
    'two texts of a row, one after the other, with what fills the first up in between': {
      node: 'flat_node',
      because: 'padding between the tokens of a row',
      inputs: { x: { type: 'string', shape: ['N', 2] } },
      rows: {
        x: {
          type: 'string',
          shape: [2],
          rows: [
            ['cat', 'dog'],
            ['the cat sat', 'on it'],
          ],
        },
      },
      nodes: wordCounts({}, ['cat', 'dog'], ['cat', 'dog', 'the', 'cat']).flatMap((step) =>
        step.op === 'TfIdfVectorizer' ? [node('Flatten', ['words'], 'flat'), { ...step, inputs: ['flat'] }] : [step],
      ),
    },
    'the number of words of the longest text': {
      ...TEXTS,
      node: 'shape_node',
      because: 'fills texts up',
      rows: texts('cat', 'the cat sat'),
      outputs: { y: { type: 'int64' } },
      constants: { last: ints(-1), none: ints(0) },
      nodes: [
        ...wordCounts({}, ['cat']).slice(0, 1),
        node('Shape', ['words'], 'shape'),
        node('Gather', ['shape', 'last'], 'count'),
        node(
          'LabelEncoder',
          ['x'],
          'zeros',
          { keys_strings: { texts: ['~'] }, values_int64s: [0], default_int64: 0 },
          ML,
        ),
        node('Add', ['zeros', 'count'], 'y'),
      ],
    },
    'the words themselves': {
      ...TEXTS,
      node: 'y_node',
      because: 'fills the texts',
      outputs: { y: { type: 'string' } },
      rows: texts('cat', 'the cat sat'),
      nodes: [
        node('Tokenizer', ['x'], 'y', { mark: 0, pad_value: '#', tokenexp: '[a-z]+', mincharnum: 1 }, 'com.microsoft'),
      ],
    },
    'texts that are stop words dropped': {
      ...TEXTS,
      node: 'y_node',
      because: 'drops rows',
      outputs: { y: { type: 'string' } },
      rows: texts('the', 'cat', 'the'),
      agreeing: texts('cat', 'dog'),
      nodes: [node('StringNormalizer', ['x'], 'y', { stopwords: { texts: ['the'] }, locale: 'C' })],
    },
    'all texts as the words of one': {
      ...TEXTS,
      node: 'counts_node',
      rows: texts('cat', 'dog', 'cat'),
      constants: { c: scalar(0, 'float32'), first: ints(0) },
      outputs: { y: { type: 'int64' } },
      nodes: [
        {
          ...(wordCounts({}, ['cat', 'dog'])[1] as Node),
          inputs: ['x'],
          outputs: ['counts'],
          name: 'counts_node',
        },
        node('Gather', ['counts', 'first'], 'cats'),
        node('Cast', ['cats'], 'number', { to: 7 }),
        node(
          'LabelEncoder',
          ['x'],
          'zeros',
          { keys_strings: { texts: ['~'] }, values_int64s: [0], default_int64: 0 },
          ML,
        ),
        node('Add', ['zeros', 'number'], 'y'),
      ],
    },
  });
});

describe('models of tables', () => {
  expectDeceits({
    'gaps filled by the place of a row': {
      node: 'filled_node',
      inputs: { x: { shape: ['N', 1] } },
      rows: floatRows([5], [NaN], [NaN]),
      constants: { flat: ints(-1), back: ints(-1, 1) },
      nodes: [
        node('Reshape', ['x', 'flat'], 'list'),
        node(
          'Imputer',
          ['list'],
          'filled',
          { imputed_value_floats: { floats: [1, 2, 3] }, replaced_value_float: { float: NaN } },
          ML,
        ),
        node('Reshape', ['filled', 'back'], 'y'),
      ],
    },
    'a fixed part that only the first row gets': {
      node: 'y_node',
      because: 'do not line up',
      // This version refuses it, where others gave the part to one row.
      rows: null,
      constants: { part: floats([1, 1], [7]) },
      nodes: [node('FeatureVectorizer', ['x', 'part'], 'y', { inputdimensions: [3, 1] }, ML)],
    },
    'a scale for each row': {
      node: 'y_node',
      because: 'a scale for each row',
      constants: { scale: floats([2], [0.5, 0.1]), zero: { type: 'uint8', shape: [2], values: [0, 0] } },
      outputs: { y: { type: 'uint8' } },
      rows: floatRows([1, 2, 3], [4, 5, 6]),
      nodes: [node('QuantizeLinear', ['x', 'scale', 'zero'], 'y', { axis: 0 })],
    },
    'scores of a single row, that is all rows': {
      node: 'score_node',
      inputs: { x: { shape: ['N', 1] } },
      rows: floatRows([5], [1], [2]),
      constants: { flat: ints(-1) },
      nodes: [
        node('Reshape', ['x', 'flat'], 'list'),
        node(
          'LinearRegressor',
          ['list'],
          'score',
          { coefficients: { floats: [1, 2, 3] }, intercepts: { floats: [0] } },
          ML,
        ),
        node('Add', ['x', 'score'], 'y'),
      ],
    },
    'an operator that nobody knows': {
      node: 'y_node',
      because: 'not known to keep rows apart (com.microsoft)',
      rows: null,
      nodes: [node('Inverse', ['x'], 'y', {}, 'com.microsoft')],
    },
    'an operator of a version that nobody knows': {
      node: 'y_node',
      because: 'not known to keep rows apart',
      rows: null,
      opset: 99,
      nodes: [node('Relu', ['x'], 'y')],
    },
  });
});
