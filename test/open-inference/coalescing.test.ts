import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { floats, node, writeModel } from '../support/onnx-writer.js';
import { ModelFolder } from '../support/model-folder.js';
import { Service } from '../support/service.js';
import { POISON } from '../support/slow-models.js';
import { Client, type OutputTensor } from './client.js';

/** y = table[i], total = the sum of a row's y, and across = all rows beside each other. An index of 100 fails the run. */
const graph = (width: number | string) =>
  writeModel({
    inputs: { i: { type: 'int64', shape: ['N', width] } },
    outputs: { total: { shape: ['N', 1] }, y: { shape: ['N', width] }, across: { type: 'int64', shape: [width, 'N'] } },
    constants: {
      table: floats(
        [POISON],
        Array.from({ length: POISON }, (_, i) => i * 10),
      ),
      axis: { type: 'int64', shape: [1], values: [1] },
    },
    nodes: [
      node('Gather', ['table', 'i'], 'y'),
      node('ReduceSum', ['y', 'axis'], 'total'),
      node('Transpose', ['i'], 'across', { perm: [1, 0] }),
    ],
  });
const SIGNATURE = `
features:
  type: object
  required: [i]
  properties: { i: { type: array, minItems: 2, maxItems: 2, items: { type: integer, minimum: 0, maximum: 100 }, examples: [[1, 2]] } }
inputs: { i: i }
output: { task: regression, scores: total }
`;

type Rows = number[][];

interface Request {
  kind: 'predict' | 'json' | 'binary' | 'free json' | 'free binary';
  width: number;
  rows: Rows;
  names: string[];
  isPoisoned: boolean;
  /** Turns of the event loop before it is sent. */
  turns: number;
}

const EXPECTED: Record<string, (rows: Rows, width: number) => [number[], number[]]> = {
  total: (rows) => [[rows.length, 1], rows.map((row) => row.reduce((sum, i) => sum + 10 * i, 0))],
  y: (rows, width) => [[rows.length, width], rows.flat().map((i) => 10 * i)],
  across: (rows, width) => [
    [width, rows.length],
    Array.from({ length: width }, (_, column) => rows.map((row) => row[column] ?? NaN)).flat(),
  ],
};

/** `fixed` takes rows, too, and runs on the HTTP thread; `free` takes rows of any width, and has a thread of its own. */
describe('clients of every kind at once', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: Client;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'fixed/1/model.onnx': graph(2),
      'fixed/1/signature.yaml': SIGNATURE,
      'free/1/model.onnx': graph('W'),
    });
    service = await Service.start({ MODELS_DIR: folder.path });
    client = new Client(service);
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const numbers = ({ datatype, data, bytes }: OutputTensor) => {
    if (!bytes) return data;
    return datatype === 'INT64'
      ? Array.from({ length: bytes.length / 8 }, (_, at) => Number(bytes.readBigInt64LE(8 * at)))
      : Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
  };

  async function infer(model: string, rows: Rows, width: number, names: string[], isBinary: boolean) {
    const input = { name: 'i', shape: [rows.length, width], datatype: 'INT64' };
    const more = { outputs: names.map((name) => ({ name })), parameters: { binary_data_output: isBinary } };
    const bytes = Buffer.from(BigInt64Array.from(rows.flat(), BigInt).buffer);
    const { status, outputs } = isBinary
      ? await client.inferBinary(model, { inputs: [{ ...input, parameters: { binary_data_size: bytes.length } }], ...more }, [bytes]) // prettier-ignore
      : await client.infer(model, { inputs: [{ ...input, data: rows.flat() }], ...more });
    return status === 200 ? outputs.map((output) => [output.name, output.shape, numbers(output)]) : status;
  }

  async function predict(rows: Rows) {
    const [only] = rows;
    if (rows.length === 1) {
      const { status, json } = await service.post('/v1/models/fixed/predict', { i: only });
      return status === 200 ? [json.prediction] : status;
    }
    const { status, json } = await service.post('/v1/models/fixed/predict/batch', {
      requests: rows.map((i) => ({ i })),
    });
    return status === 200 ? (json.predictions as { prediction: number }[]).map(({ prediction }) => prediction) : status;
  }

  it('are each answered as they are alone, and what is poisoned fails alone', async () => {
    const row = fc.array(fc.integer({ min: 0, max: POISON - 1 }), { minLength: 3, maxLength: 3 });
    const request = fc.record<Request>({
      kind: fc.constantFrom('predict', 'json', 'binary', 'free json', 'free binary'),
      width: fc.integer({ min: 0, max: 3 }),
      rows: fc.array(row, { minLength: 0, maxLength: 12 }),
      names: fc.shuffledSubarray(['total', 'y', 'across'], { minLength: 1 }),
      isPoisoned: fc.nat(19).map((one) => one < 1),
      turns: fc.integer({ min: 0, max: 2 }),
    });
    const ask = async ({ kind, width: anyWidth, rows: wide, names, isPoisoned, turns }: Request) => {
      for (let i = 0; i < turns; i++) await new Promise(setImmediate);
      const isFree = kind.startsWith('free');
      const width = isFree ? anyWidth : 2;
      const rows = wide.map((values) => values.slice(0, width));
      if (kind === 'predict' && rows.length === 0) rows.push([1, 2]);
      const poisoned = isPoisoned && rows.length > 0 && width > 0;
      if (poisoned) (rows[0] as number[])[0] = POISON;
      const answer = kind === 'predict' ? await predict(rows) : await infer(isFree ? 'free' : 'fixed', rows, width, names, kind.endsWith('binary')); // prettier-ignore
      const wanted = (name: string) => (EXPECTED[name] as (typeof EXPECTED)[string])(rows, width);
      const alone = kind === 'predict' ? wanted('total')[1] : names.map((name) => [name, ...wanted(name)]);
      expect(answer).toEqual(poisoned ? 500 : alone);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 60 }), (requests) => Promise.all(requests.map(ask)).then(() => undefined)), // prettier-ignore
      { numRuns: 12 },
    );
    // Runs with a poisoned row are repeated for each request alone, and these share some for certain.
    for (const model of ['fixed', 'free'])
      await Promise.all(Array.from({ length: 20 }, () => infer(model, [[1, 2]], 2, ['y'], true)));
    const { text } = await service.get('/metrics');
    for (const model of ['fixed', 'free'])
      expect(text).toMatch(new RegExp(`nestor_inference_coalesced_rows_total\\{model="${model}",version="1"\\} [1-9]`));
  });

  it('says of rows what it said before, whatever else can be asked for', async () => {
    const of = async (model: string) => (await service.get(`/v1/models/${model}/versions/1`)).json.execution.batching;
    expect(await of('fixed')).toEqual({
      mode: 'auto',
      coalesced: true,
      reason: 'rows are independent: proven from the graph, and tried out',
    });
    expect(await of('free')).toMatchObject({ coalesced: false, reason: expect.stringContaining('across') as unknown });
  });
});
