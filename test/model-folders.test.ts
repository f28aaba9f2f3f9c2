import { afterEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, readFile, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelFolder, SHIPPED } from './support/model-folder.js';
import { type GraphSpec, identityModel, linearModel, onnxModel } from './support/onnx.js';
import { Service } from './support/service.js';

const TWO = linearModel([1, 2]);
const FEATURES = 'features: {type: object, required: [a, b], properties: {a: {type: number}, b: {type: number}}}\n';
const OUTPUT = 'output: {task: regression, scores: score}\n';

const probabilities: GraphSpec = {
  inputs: [{ name: 'x', shape: ['N', 2] }],
  outputs: [
    { name: 'label', type: 'int64', shape: ['N'] },
    { name: 'probabilities', shape: ['N', 2] },
  ],
  nodes: [
    { op: 'Softmax', inputs: ['x'], outputs: ['probabilities'], attributes: { axis: 1 } },
    { op: 'ArgMax', inputs: ['x'], outputs: ['label'], attributes: { axis: 1, keepdims: 0 } },
  ],
};
const PROBABILITIES = onnxModel(probabilities);
/** Scores as they are, without a softmax; and each by itself. */
const scoresBy = (op: string) =>
  onnxModel({
    inputs: [{ name: 'x', shape: ['N', 2] }],
    outputs: [{ name: 'scores', shape: ['N', 2] }],
    nodes: [{ op, inputs: ['x'], outputs: ['scores'] }],
  });
const EXAMPLES =
  'features: {type: object, required: [a, b], properties: {a: {type: number, examples: [3]}, b: {type: number, examples: [0]}}}\n';
const ZIPMAP = onnxModel({
  ...probabilities,
  outputs: [
    { name: 'label', type: 'int64', shape: ['N'] },
    { name: 'scores', shape: [], sequence: true },
  ],
  nodes: [
    { op: 'ArgMax', inputs: ['x'], outputs: ['label'], attributes: { axis: 1, keepdims: 0 } },
    { op: 'SequenceConstruct', inputs: ['x'], outputs: ['scores'] },
  ],
});

/** Version folders that must fail, the reason that the operator sees, and nothing else. */
const BAD: [string, Record<string, string | Uint8Array>, string][] = [
  ['no model.onnx', { 'signature.yaml': FEATURES }, 'model.onnx is missing'],
  [
    'an empty model.onnx',
    { 'model.onnx': '' },
    'model.onnx: is not a complete ONNX file (truncated, or another format)',
  ],
  [
    'a truncated model.onnx',
    { 'model.onnx': TWO.slice(0, TWO.length - 40) },
    'model.onnx: is not a complete ONNX file (truncated, or another format)',
  ],
  [
    'a file that Git LFS has not fetched',
    { 'model.onnx': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n' },
    'model.onnx: is a pointer of Git LFS, and not the model itself: run `git lfs pull`',
  ],
  [
    'a newer opset',
    { 'model.onnx': onnxModel({ ...probabilities, opset: 999 }) },
    'model.onnx: is of a newer ONNX version than this runtime',
  ],
  ['bad YAML', { 'signature.yaml': 'features:\n  type: object\n bad: [' }, 'signature.yaml:3: '],
  [
    'an unknown setting',
    { 'signature.yaml': `${FEATURES}ouptut: {task: raw}\n` },
    'signature.yaml:2: ouptut: is not a known setting of this file; did you mean "output"?',
  ],
  [
    'an unknown task',
    { 'signature.yaml': `${FEATURES}output:\n  task: ranking\n` },
    'signature.yaml:3: output.task: must be one of binary, multiclass, regression, raw',
  ],
  [
    'a misspelt keyword',
    {
      'signature.yaml': `features: {type: object, required: [a, b], properties: {a: {type: number, minimun: 1}, b: {type: number}}}\n${OUTPUT}`,
    },
    'signature.yaml:1: features.properties.a.minimun: is not a keyword of JSON Schema; did you mean "minimum"?',
  ],
  ...['min: 1', 'ge: 1', 'minlength: 1', 'max: 1', 'lt: 1'].map(
    (keyword, index): [string, Record<string, string>, string] => [
      `another language's ${keyword}`,
      {
        'signature.yaml': `features: {type: object, required: [a, b], properties: {b: {type: number}, a: {type: number, ${keyword}}}}\n${OUTPUT}`,
      },
      `is not a keyword of JSON Schema; did you mean "${['minimum', 'minimum', 'minLength', 'maximum', 'exclusiveMaximum'][index] ?? ''}"?`,
    ],
  ),
  [
    'a misspelt name under required',
    {
      'signature.yaml':
        'features:\n  type: object\n  required: [income, agee]\n  properties: {income: {type: number}, age: {type: number, default: 1}}\n',
    },
    'signature.yaml:3: features.required: "agee" is required but is not among the properties; did you mean "age"?',
  ],
  [
    'classes of one name',
    {
      'model.onnx': PROBABILITIES,
      'signature.yaml': `${FEATURES}output: {task: binary, scores: probabilities, classes: [1, "1"]}\n`,
    },
    'signature.yaml:2: output.classes: must be different names',
  ],
  [
    'a keyword with a wrong value',
    {
      'signature.yaml': `features:\n  type: object\n  required: [a, b]\n  properties:\n    a: {type: number}\n    b:\n      type: number\n      minimum: "5"\n${OUTPUT}`,
    },
    'signature.yaml:8: features.properties.b.minimum: must be a number',
  ],
  [
    'a wrong value beside a $ref',
    {
      'f.json':
        '{"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}',
      'signature.yaml': `features:\n  $ref: ./f.json\n  additionalProperties: 5\n${OUTPUT}`,
    },
    'signature.yaml:3: features.additionalProperties: must be a schema',
  ],
  [
    'a feature that nothing uses',
    {
      'signature.yaml': `features:\n  type: object\n  required: [a, b, c]\n  properties:\n    a: {type: number}\n    b: {type: number}\n    c: {type: number}\ninputs: {x: [a, b]}\n${OUTPUT}`,
    },
    'signature.yaml:7: features.properties.c: no input uses this feature',
  ],
  [
    'a feature that is not there',
    { 'signature.yaml': `${FEATURES}inputs:\n  x: [a, bb]\n${OUTPUT}` },
    'signature.yaml:3: inputs.x.1: there is no feature "bb"',
  ],
  [
    'an input that is not there',
    { 'signature.yaml': `${FEATURES}inputs:\n  y: [a, b]\n${OUTPUT}` },
    'signature.yaml:3: inputs.y: the graph has no such input (it has x)',
  ],
  [
    'a wrong width',
    { 'signature.yaml': `${FEATURES}inputs:\n  x: [a, b, a]\n${OUTPUT}` },
    'signature.yaml:3: inputs.x: makes 3 columns, and the graph takes float32[N,2]',
  ],
  [
    'an output that is not there',
    { 'signature.yaml': `${FEATURES}output: {task: regression, scores: scor}\n` },
    'signature.yaml:2: output.scores: the graph has no output "scor"; did you mean "score"? (it has score)',
  ],
  [
    'a text without encoding',
    {
      'signature.yaml': `features: {type: object, required: [a, b], properties: {a: {type: number}, b: {enum: [u, v]}}}\n${OUTPUT}`,
    },
    'signature.yaml:1: inputs.x.1: "b" is a string, and the input takes float32: write {oneHot: b} or {ordinal: b}',
  ],
  [
    'an optional feature without default',
    {
      'signature.yaml': `features: {type: object, required: [a], properties: {a: {type: number}, b: {type: number}}}\n${OUTPUT}`,
    },
    'signature.yaml:1: features.properties.b: may be missing: list it under `required`, or give it a default',
  ],
  [
    'a default that its schema refuses',
    {
      'signature.yaml': `features:\n  type: object\n  required: [a]\n  properties:\n    a: {type: number}\n    b: {type: number, minimum: 5, default: 1}\n${OUTPUT}`,
    },
    'signature.yaml:6: features.properties.b.default: must be a number of at least 5 that fits a 32-bit float',
  ],
  [
    'a feature named __proto__',
    { 'signature.yaml': `features: {type: object, properties: {__proto__: {type: number}}}\n${OUTPUT}` },
    'signature.yaml:1: features.properties.__proto__: cannot be the name of a feature',
  ],
  [
    'a schema that refers to itself',
    {
      'signature.yaml': `features: {type: object, properties: {a: {$ref: "#/$defs/T"}}, $defs: {T: {type: array, items: {$ref: "#/$defs/T"}}}}\n${OUTPUT}`,
    },
    'signature.yaml:1: features.properties.a.$ref.items: refers to itself',
  ],
  [
    'a reference out of the folder',
    { 'signature.yaml': 'features: {$ref: ../../../etc/passwd}\n' },
    'signature.yaml:1: features.$ref: must name a file in this folder',
  ],
  [
    'a reference to nothing',
    { 'signature.yaml': 'features: {$ref: ./features.json}\n' },
    'signature.yaml:1: features.$ref: there is no file features.json in this folder',
  ],
  [
    'several inputs and no word on them',
    {
      'model.onnx': identityModel({ name: 'p', shape: ['N', 2] }, { name: 'q', shape: ['N', 1] }),
      'signature.yaml': FEATURES,
    },
    "signature.yaml:1: features: add `inputs`: say which features fill each of the graph's inputs (p, q)",
  ],
  [
    'a fixed batch',
    { 'model.onnx': identityModel({ name: 'p', shape: [8, 2] }), 'signature.yaml': FEATURES },
    'the graph takes exactly 8 rows at once (float32[8,2]): export it with a dynamic batch axis',
  ],
  [
    'scores that are a map',
    { 'model.onnx': ZIPMAP, 'signature.yaml': `${FEATURES}output: {task: binary, scores: scores}\n` },
    'signature.yaml:2: output.scores: "scores" is a sequence or a map; export the model with options={\'zipmap\': False}',
  ],
  [
    'scores that are no numbers',
    { 'model.onnx': PROBABILITIES, 'signature.yaml': `${FEATURES}output: {task: binary, scores: label}\n` },
    'signature.yaml:2: output.scores: binary needs numbers, and "label" int64[N] is not',
  ],
  [
    'a wrong number of classes',
    {
      'model.onnx': PROBABILITIES,
      'signature.yaml': `${FEATURES}output: {task: multiclass, scores: probabilities, classes: [a, b, c]}\n`,
    },
    'signature.yaml:2: output.classes: 3 classes, and "probabilities" float32[N,2] has 2 columns',
  ],
  [
    'a threshold without a use',
    { 'signature.yaml': `${FEATURES}output: {task: regression, scores: score, threshold: 0.5}\n` },
    'signature.yaml:2: output.threshold: says nothing to the task regression',
  ],
  [
    'an output that is not by row',
    {
      'model.onnx': onnxModel({
        inputs: [{ name: 'x', shape: ['N', 2] }],
        outputs: [{ name: 'score', shape: ['M', 1] }],
        nodes: [{ op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['score'] }],
        constants: [{ name: 'axes', type: 'int64', shape: [2], values: [0, 1] }],
      }),
      'signature.yaml': `${FEATURES}${OUTPUT}`,
    },
    'has no value for each row',
  ],
  [
    'a wrong golden answer',
    {
      'signature.yaml': FEATURES + OUTPUT,
      'golden.json':
        '[\n {"features": {"a": 1, "b": 1}, "expect": {"prediction": 3}},\n {"features": {"a": 1, "b": 2}, "expect": {"prediction": 4}}\n]',
    },
    'golden.json:3: 1.expect.prediction: expected 4 ±0.0001, and the model answers 5',
  ],
  [
    'a golden row that is not valid',
    {
      'signature.yaml': FEATURES + OUTPUT,
      'golden.json': '[{"features": {"a": "x", "b": 1}, "expect": {"prediction": 3}}]',
    },
    'golden.json:1: 0.features.a: must be a number',
  ],
  [
    'classes in the wrong order',
    {
      'model.onnx': PROBABILITIES,
      'signature.yaml': `${EXAMPLES}output: {task: multiclass, scores: probabilities, classes: ["1", "0"]}\n`,
    },
    'signature.yaml:2: output.classes: where the graph\'s own "label" says "0", `classes` makes it "1": list `classes` in the order of the columns',
  ],
  [
    'classes whose wrong order only a golden row shows',
    {
      'model.onnx': PROBABILITIES,
      'signature.yaml': `${FEATURES}output: {task: binary, scores: probabilities, classes: ["1", "0"]}\n`,
      'golden.json': '[{"features": {"a": 0, "b": 4}, "expect": {"probability": 0.982}, "tolerance": 0.01}]',
    },
    'signature.yaml:2: output.classes: where the graph\'s own "label" says "1", `classes` makes it "0"',
  ],
  [
    'scores that are logits',
    {
      'model.onnx': scoresBy('Identity'),
      'signature.yaml': `${EXAMPLES}output: {task: binary, scores: scores}\n`,
    },
    'signature.yaml:2: output.scores: "scores" gives values outside 0 to 1: logits or decision values; export it with a softmax or sigmoid, or set `task: raw`',
  ],
  [
    'scores of classes that do not exclude each other',
    {
      'model.onnx': scoresBy('Sigmoid'),
      'signature.yaml': `${EXAMPLES}output: {task: multiclass, scores: scores}\n`,
    },
    'signature.yaml:2: output.scores: the columns of "scores" do not sum to 1 (but to 1.4526)',
  ],
  [
    'a golden file that is none',
    { 'signature.yaml': FEATURES + OUTPUT, 'golden.json': '{"a": 1}' },
    'golden.json:1: must be a list of at least 1 objects',
  ],
];

describe('model folders', () => {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function folderWith(files: Record<string, string | Uint8Array> = {}): Promise<ModelFolder> {
    const folder = await ModelFolder.with(files);
    cleanups.push(() => folder.remove());
    return folder;
  }

  async function serve(folder: string, environment: Record<string, string> = {}): Promise<Service> {
    const service = await Service.start({ MODELS_DIR: folder, ...environment });
    cleanups.push(() => service.stop());
    return service;
  }

  it('lists each broken version with its reason, and serves the good one beside it', async () => {
    const folder = await folderWith({ 'm/good/model.onnx': TWO, 'm/good/signature.yaml': FEATURES + OUTPUT });
    for (const [index, [, files]] of BAD.entries()) {
      const complete = 'model.onnx' in files || index === 0 ? files : { 'model.onnx': TWO, ...files };
      for (const [path, content] of Object.entries(complete))
        await folder.write(`m/bad-${String(index)}/${path}`, content);
    }
    const service = await serve(folder.path, { MAX_BATCH_SIZE: '10' });
    const { json } = await service.get('/v1/models/m');
    const versions = new Map(
      (json.versions as { version: string; state: string; reason?: string }[]).map((found) => [found.version, found]),
    );
    const found = BAD.map(([name], index) => ({ name, ...versions.get(`bad-${String(index)}`) }));
    for (const [index, [name, , reason]] of BAD.entries()) {
      expect(found[index]).toMatchObject({ name, state: 'FAILED', reason: expect.stringContaining(reason) as unknown });
      expect(found[index]?.reason).not.toMatch(/\n|\/tmp\/|node_modules/);
    }
    expect(versions.get('good')?.state).toBe('READY');
    expect((await service.post('/predict', { a: 1, b: 2 }, { 'X-Model-Version': 'good' })).json.prediction).toBe(5);
    expect((await service.get('/health/ready')).json).toMatchObject({ status: 'degraded' });
  });

  it.each([
    ['default: x\nlabels: {x: "7"}\n', 'model.yaml:2: labels.x: there is no version 7 (it serves 1)'],
    ['\ndefault: 1.10\n', 'model.yaml:2: default: is the number 1.1 to YAML: write it in quotes, "1.10"'],
    ['labels:\n  stable: 1.0\n', 'model.yaml:2: labels.stable: is the number 1 to YAML: write it in quotes, "1.0"'],
    ['versions: ["1", 1.20]\n', 'model.yaml:1: versions.1: is the number 1.2 to YAML: write it in quotes, "1.20"'],
    ['labels: {"1": "1"}\n', 'model.yaml:1: labels.1: is also the name of a version'],
    ['labels: {latest: "1"}\n', 'model.yaml:1: labels.latest: is taken'],
    [
      '\ndefault: stabel\nlabels: {stable: "1"}\n',
      'model.yaml:2: default: stabel is neither a version nor a label (it serves 1)',
    ],
    ['versions: ["2"]\n', 'model.yaml:1: versions.0: there is no version 2 (it has 1)'],
    ['defualt: "1"\n', 'model.yaml:1: defualt: is not a known setting of this file; did you mean "default"?'],
    ['load: sometimes\n', 'model.yaml:1: load: must be one of eager, lazy'],
  ])('model.yaml %j fails the model with a line that says why', async (yaml, reason) => {
    const folder = await folderWith({ 'm/1/model.onnx': TWO, 'm/model.yaml': yaml });
    await folder.copyShipped('iris');
    const service = await serve(folder.path);
    const { json } = await service.get('/v1/models/m');
    expect(json.reason).toContain(reason);
    expect(json.versions[0]).toMatchObject({ state: 'FAILED' });
    expect((await service.post('/v1/models/m/predict', {})).json.code).toBe('model_unavailable');
  });

  it('takes classes that YAML reads as numbers or booleans by their text', async () => {
    const files = (classes: string) =>
      `${FEATURES}output: {task: binary, scores: probabilities, classes: ${classes}}\n`;
    const folder = await folderWith({
      'm/1/model.onnx': PROBABILITIES,
      'm/1/signature.yaml': files('[0, 1]'),
      'm/2/model.onnx': PROBABILITIES,
      'm/2/signature.yaml': files('[false, true]'),
    });
    const service = await serve(folder.path);
    const ask = (version: string) => service.post('/predict', { a: 0, b: 4 }, { 'X-Model-Version': version });
    expect((await ask('1')).json.prediction_class).toBe('1');
    expect((await ask('2')).json.prediction_class).toBe('true');
  });

  it('keeps all digits of integers that no double holds, and takes one value of a graph of one row', async () => {
    const triple = (shape: (number | string)[], axes: number[], outputs: (number | string)[]) =>
      onnxModel({
        inputs: [{ name: 'a', type: 'int64', shape }],
        outputs: [{ name: 'y', type: 'int64', shape: outputs }],
        nodes: [
          { op: 'Mul', inputs: ['a', 'three'], outputs: ['product'] },
          { op: 'Squeeze', inputs: ['product', 'axes'], outputs: ['y'] },
        ],
        constants: [
          { name: 'three', type: 'int64', shape: [1], values: [3] },
          { name: 'axes', type: 'int64', shape: [axes.length], values: axes },
        ],
      });
    const features = 'features: {type: object, required: [a], properties: {a: {type: integer, examples: [1]}}}\n';
    const byRow = triple(['N', 1], [1], ['N']);
    const ofOne = triple([1, 1], [0, 1], []);
    const folder = await folderWith({
      'm/1/model.onnx': byRow,
      'm/1/signature.yaml': `${features}output: {task: regression}\n`,
      'm/1/golden.json': '[{"features": {"a": 3002399751580331}, "expect": {"prediction": 9007199254740993}}]',
      'm/2/model.onnx': byRow,
      'm/2/signature.yaml': features,
      'm/3/model.onnx': ofOne,
      'm/3/signature.yaml': features,
      'm/4/model.onnx': ofOne,
      'm/4/signature.yaml': `${features}output: {task: regression}\n`,
    });
    const service = await serve(folder.path);
    for (const version of ['1', '2', '3', '4']) {
      const row = { a: 3002399751580331 };
      const { text } = await service.post(`/v1/models/m/versions/${version}/predict/batch`, { requests: [row, row] });
      expect(text.match(/"prediction":9007199254740993,/g)).toHaveLength(2);
    }
  });

  it('a label that means no version is left out alone, and the model says so', async () => {
    const folder = await folderWith({
      'm/1/model.onnx': TWO,
      'm/1/signature.yaml': FEATURES + OUTPUT,
      'm/model.yaml': 'default: stable\nlabels: {stable: "1", next: "2"}\n',
    });
    const service = await serve(folder.path);
    expect((await service.get('/v1/models/m')).json).toMatchObject({
      labels: { stable: '1' },
      warnings: ['model.yaml:2: labels.next: there is no version 2 (it serves 1): the label is left out'],
      versions: [{ state: 'READY', labels: ['stable'] }],
    });
    expect((await service.post('/predict', { a: 1, b: 2 })).json.prediction).toBe(5);
    expect((await service.post('/predict', {}, { 'X-Model-Version': 'next' })).json.code).toBe('version_not_found');
  });

  it('takes a folder of one model, and of one version, with the name that is given', async () => {
    const row = { a: 1, b: 2 };
    const model = await folderWith({
      '1/model.onnx': TWO,
      '1/signature.yaml': FEATURES + OUTPUT,
      '2.0/model.onnx': linearModel([2, 4]),
      '2.0/signature.yaml': FEATURES + OUTPUT,
    });
    const first = await serve(model.path, { MODEL_NAME: 'mine' });
    expect((await first.post('/predict', row)).json).toMatchObject({ prediction: 10, model_version: '2.0' });
    expect((await first.post('/v1/models/mine/versions/1/predict', row)).json.prediction).toBe(5);
    const second = await serve(join(model.path, '2.0'));
    const answer = await second.post('/predict', row);
    expect(answer.json).toMatchObject({ prediction: 10, model_version: '2.0' });
    expect(answer.headers.get('x-model-name')).toBe(basename(model.path)); // the folder above is the model's
    const third = await serve(join(model.path, '2.0'), { MODEL_NAME: 'mine' });
    expect((await third.post('/v1/models/mine/predict', row)).json.model_version).toBe('2.0');
    const flat = await folderWith({ 'wine/model.onnx': TWO, 'wine/signature.yaml': FEATURES + OUTPUT });
    const fourth = await serve(join(flat.path, 'wine'));
    expect((await fourth.post('/v1/models/wine/predict', row)).json.model_version).toBe('1');
  });

  it('follows links, as Kubernetes mounts volumes, and leaves dot folders alone', async () => {
    const folder = await folderWith({ '..data/.keep': '' });
    await symlink(join(SHIPPED, 'iris'), join(folder.path, 'iris'));
    await mkdir(join(folder.path, '.git'));
    const service = await serve(folder.path);
    expect((await service.get('/v1/models')).json.models).toHaveLength(1);
    expect((await service.get('/health/ready')).status).toBe(200);
  });

  it('says what to do about a model without a version folder', async () => {
    const folder = await folderWith({ 'm/model.onnx': TWO });
    await folder.copyShipped('iris');
    const service = await serve(folder.path);
    expect((await service.get('/v1/models/m')).json.reason).toBe(
      'has no version: move model.onnx into a folder named for its version: m/1/model.onnx',
    );
  });

  it('takes the schema from the graph where there is no signature and each input is a column', async () => {
    const folder = await folderWith({
      'm/1/model.onnx': identityModel(
        { name: 'age', type: 'int64', shape: ['N', 1] },
        { name: 'city', type: 'string', shape: ['N', 1] },
        { name: 'constructor', shape: ['N', 1] },
      ),
    });
    const service = await serve(folder.path);
    const { json } = await service.post('/predict', { age: 3, city: 'Bern', constructor: 0.1 });
    expect(json).toMatchObject({
      prediction: null,
      outputs: { age_out: [3], city_out: ['Bern'], constructor_out: [0.1] },
    });
    const wrong = await service.post('/predict', { age: 3.5, city: 'a\u0000b' });
    expect((wrong.json.errors as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      '/age',
      '/city',
      '/constructor',
    ]);
  });

  it('says so where a model takes tensors only', async () => {
    const folder = await folderWith({ 'm/1/model.onnx': identityModel({ name: 'x', shape: ['N', 3] }) });
    const service = await serve(folder.path);
    const { status, json } = await service.post('/predict', { x: 1 });
    expect(status).toBe(400);
    expect(json.detail).toContain('takes tensors, not rows');
    expect((await service.get('/v1/models/m/versions/1')).json).toMatchObject({
      state: 'READY',
      inputs: [{ name: 'x' }],
    });
  });

  it('loads a lazy model by its first request, once however many ask at the same time', async () => {
    const folder = await folderWith({ 'm/model.yaml': 'load: lazy\n' });
    await folder.copyShipped('credit-risk/1.0.0', 'm/1');
    const service = await serve(folder.path);
    expect((await service.get('/v1/models/m')).json.versions[0].state).toBe('DISCOVERED');
    expect((await service.get('/health/ready')).status).toBe(200);
    const row = (
      JSON.parse(await readFile(join(SHIPPED, 'credit-risk/1.0.0/golden.json'), 'utf8')) as { features: object }[]
    )[0]?.features;
    const answers = await Promise.all(Array.from({ length: 50 }, () => service.post('/predict', row)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await service.get('/v1/models/m')).json.versions[0].state).toBe('READY');
    expect((await service.get('/metrics')).text).toMatch(
      /nestor_model_loads_total\{model="m",version="1",result="ready"\} 1\n/,
    );
  });

  it('keeps a lazy model that cannot be loaded out, with its reason', async () => {
    const folder = await folderWith({ 'm/model.yaml': 'load: lazy\n', 'm/1/model.onnx': 'nothing' });
    const service = await serve(folder.path);
    expect((await service.post('/predict', {})).json.code).toBe('model_unavailable');
    expect((await service.get('/v1/models/m')).json.versions[0]).toMatchObject({
      state: 'FAILED',
      reason: expect.stringContaining('complete ONNX') as unknown,
    });
  });

  it('reads features from the file that pydantic writes', async () => {
    const folder = await folderWith({
      'm/1/model.onnx': linearModel([1, 10, 100, 1000]),
      'm/1/signature.yaml':
        'features: {$ref: ./features.schema.json}\ninputs: {x: [a, {ordinal: kind}, flag, b]}\noutput: {task: regression, scores: score}\n',
      'm/1/features.schema.json': JSON.stringify({
        $defs: { Kind: { enum: ['low', 'high'], title: 'Kind', type: 'string' } },
        properties: {
          a: { maximum: 9, minimum: 0, title: 'A', type: 'integer' },
          kind: { $ref: '#/$defs/Kind', description: 'How much' },
          flag: { anyOf: [{ type: 'boolean' }, { type: 'null' }], default: false, title: 'Flag' },
          b: { const: 2, default: 2, title: 'B' },
        },
        required: ['a', 'kind'],
        title: 'Row',
        type: 'object',
      }),
    });
    const service = await serve(folder.path);
    expect((await service.post('/predict', { a: 3, kind: 'high', flag: true })).json.prediction).toBe(2113);
    expect((await service.post('/predict', { a: 3, kind: 'low', flag: null })).json.prediction).toBe(2003);
    const wrong = await service.post('/predict', { a: 3, kind: 'medium', flag: 1, b: 3 });
    expect(wrong.json.errors).toEqual(
      expect.arrayContaining([
        { path: '/kind', message: 'must be one of low, high', code: 'not_allowed' },
        { path: '/flag', message: 'must be true or false, or null', code: 'type' },
        { path: '/b', message: 'must be 2', code: 'not_allowed' },
      ]),
    );
  });

  it('takes nested arrays whose length varies, each shape in a run of its own', async () => {
    const folder = await folderWith({
      'm/1/model.onnx': onnxModel({
        inputs: [{ name: 'x', shape: ['N', 'T', 2] }],
        outputs: [{ name: 'score', shape: ['N'] }],
        nodes: [{ op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['score'], attributes: { keepdims: 0 } }],
        constants: [{ name: 'axes', type: 'int64', shape: [2], values: [1, 2] }],
      }),
      'm/1/signature.yaml':
        'features: {type: object, required: [x], properties: {x: {type: array, items: {type: array, items: {type: number}}}}}\noutput: {task: regression}\n',
    });
    const service = await serve(folder.path);
    const requests = [
      [[1, 2]],
      [
        [1, 2],
        [3, 4],
      ],
      [[5, 5]],
    ].map((x) => ({ x }));
    const { json } = await service.post('/predict/batch', { requests });
    expect((json.predictions as { prediction: number }[]).map(({ prediction }) => prediction)).toEqual([3, 10, 10]);
    for (const x of [[[1, 2], [3]], [], [[1, 2, 3]], [1, 2]])
      expect((await service.post('/predict', { x })).status).toBe(400);
  });

  it('a made-up row that the model refuses is no verdict: golden rows and the client’s are', async () => {
    // As scikit-learn's OneHotEncoder with handle_unknown='error': fails for what it has not learnt.
    const known = onnxModel({
      inputs: [{ name: 'code', type: 'int64', shape: ['N', 1] }],
      outputs: [{ name: 'y', shape: ['N', 1] }],
      nodes: [{ op: 'Gather', inputs: ['table', 'code'], outputs: ['y'] }],
      constants: [{ name: 'table', shape: [1], values: [7] }],
    });
    const folder = await folderWith({ 'm/1/model.onnx': known, 'm/2/model.onnx': known });
    await folder.write(
      'm/2/signature.yaml',
      'features: {type: object, required: [code], properties: {code: {type: integer, examples: [5]}}}\noutput: {task: regression}\n',
    );
    const service = await serve(folder.path);
    expect((await service.post('/v1/models/m/versions/1/predict', { code: 0 })).json.outputs).toEqual({ y: [7] });
    const { json } = await service.get('/v1/models/m/versions/2'); // here the author says that 5 is a good row
    expect(json).toMatchObject({ state: 'FAILED', reason: 'model.onnx: The model failed on this input.' });
  });

  it('a lazy version that turns out broken leaves the choice to the next one, and is refused by name', async () => {
    const folder = await folderWith({
      'm/1/model.onnx': TWO,
      'm/1/signature.yaml': FEATURES + OUTPUT,
      'm/2/model.onnx': 'broken',
      'm/model.yaml': 'load: lazy\n',
    });
    const service = await serve(folder.path);
    const answers = await Promise.all([1, 2, 3].map(() => service.post('/predict', { a: 1, b: 2 })));
    expect(answers.map(({ json }) => json.model_version as string)).toEqual(['1', '1', '1']);
    expect((await service.post('/predict', { a: 1, b: 2 }, { 'X-Model-Version': '2' })).json.code).toBe(
      'model_unavailable',
    );
  });

  it('refuses a name that cannot be a header, and says what to set', async () => {
    const folder = await folderWith({ '模型/1/model.onnx': TWO });
    await expect(serve(join(folder.path, '模型'))).rejects.toThrow('set MODEL_NAME');
    expect(
      (await (await serve(join(folder.path, '模型'), { MODEL_NAME: 'm' })).get('/v1/models')).json.models[0].name,
    ).toBe('m');
  });

  it('a batch of nothing but mistakes costs little and says little', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`feature_number_${i}`, { type: 'number', default: 0 }]),
    );
    const folder = await folderWith({
      'm/1/model.onnx': linearModel(Array<number>(300).fill(1)),
      'm/1/signature.yaml': JSON.stringify({ features: { type: 'object', properties } }),
    });
    const service = await serve(folder.path);
    const row = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`feature_numbre_${i}`, 1]));
    const started = performance.now();
    const { status, json } = await service.post('/predict/batch', { requests: Array<object>(60).fill(row) });
    expect(status).toBe(400);
    expect(json.errors).toHaveLength(1000);
    expect(performance.now() - started).toBeLessThan(5000); // it was half a minute; a bound against blocking, not a benchmark
  });

  it('an unreadable file fails its version alone', async () => {
    if (process.getuid?.() === 0) return; // root reads everything; see the process test, which drops its rights
    const folder = await folderWith({ 'm/1/model.onnx': TWO });
    await chmod(join(folder.path, 'm/1/model.onnx'), 0);
    const service = await serve(folder.path);
    expect((await service.get('/v1/models/m')).json.versions[0].reason).toBe('model.onnx: cannot be read (EACCES)');
  });
});
