import { ints, node, scalar, writeModel } from './onnx-writer.js';
import { onnxModel } from './onnx.js';
import { type Service } from './service.js';

/** y = table[i] for each element: rows of any width, and an index beyond the table makes the whole run fail. */
export const LOOKUP = onnxModel({
  inputs: [{ name: 'i', type: 'int64', shape: ['N', 'W'] }],
  outputs: [{ name: 'y', shape: ['N', 'W'] }],
  nodes: [{ op: 'Gather', inputs: ['table', 'i'], outputs: ['y'] }],
  constants: [{ name: 'table', shape: [100], values: Array.from({ length: 100 }, (_, i) => i * 10) }],
});
export const POISON = 100;

/** The signature of COUNTDOWN. */
export const COUNTDOWN_SIGNATURE = `
features:
  type: object
  required: [n]
  properties:
    n: { type: array, items: { type: integer, minimum: 0 }, minItems: 1, maxItems: 1, examples: [[5000]] }
inputs: { n: n }
output: { task: raw }
`;

/** y = 10 n, after as many turns of a loop as the largest n of the run: a run takes as long as a request wants. */
export const COUNTDOWN = writeModel({
  inputs: { n: { type: 'int64', shape: ['N', 'W'] } },
  outputs: { y: { type: 'int64', shape: ['N', 'W'] } },
  constants: { ten: scalar(10), one: ints(1), start: ints(0), yes: scalar(1, 'bool') },
  nodes: [
    node('ReduceMax', ['n'], 'most', { keepdims: 0 }),
    node('Loop', ['most', 'yes', 'start'], 'turns', {
      body: {
        graph: {
          inputs: { turn: { type: 'int64', shape: [] }, go: { type: 'bool', shape: [] }, v: { type: 'int64', shape: [1] } },
          outputs: { goes: { type: 'bool', shape: [] }, w: { type: 'int64', shape: [1] } },
          nodes: [node('Identity', ['go'], 'goes'), node('Add', ['v', 'one'], 'w')],
        },
      },
    }),
    node('Mul', ['n', 'ten'], 'tenfold'),
    node('Sub', ['turns', 'turns'], 'nothing'),
    node('Add', ['tenfold', 'nothing'], 'y'),
  ],
}); // prettier-ignore

/** How many turns COUNTDOWN makes in a millisecond: the quickest of some runs, as a busy machine slows some down. */
export async function turnsPerMs(service: Service, path: string): Promise<number> {
  const turns = 50_000;
  let quickest = Infinity;
  for (let i = 0; i < 5; i++) {
    const { headers } = await service.post(path, { n: [turns + i] }); // each another row, in case they are cached
    quickest = Math.min(quickest, Number(/run;dur=([\d.]+)/.exec(headers.get('server-timing') ?? '')?.[1]));
  }
  return turns / quickest;
}
