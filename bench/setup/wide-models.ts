import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, type Graph, node, writeModel } from '../../test/support/onnx-writer.ts';
import { WORK } from '../harness/places.ts';

/** A folder with two models that take 1,024 floats and do nearly nothing: what is measured is how tensors get there. */
export const WIDE_MODELS = join(WORK, 'wide-models');
export const WIDTH = 1024;

/** Writes the folder: `wide`, which gives one number for a row, and `same`, which gives all of it back. */
export function makeWideModels(): void {
  write('wide', {
    inputs: { x: { shape: ['N', WIDTH] } },
    outputs: { y: { shape: ['N', 1] } },
    constants: {
      weights: floats(
        [WIDTH, 1],
        Array.from({ length: WIDTH }, (_, index) => Math.sin(index) / WIDTH),
      ),
    },
    nodes: [node('MatMul', ['x', 'weights'], 'y')],
  });
  write('same', {
    inputs: { x: { shape: ['N', WIDTH] } },
    outputs: { y: { shape: ['N', WIDTH] } },
    nodes: [node('Identity', ['x'], 'y')],
  });
}

function write(name: string, graph: Graph): void {
  const folder = join(WIDE_MODELS, name, '1');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), writeModel(graph));
}
