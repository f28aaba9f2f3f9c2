import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, node, writeModel } from '../../test/support/onnx-writer.ts';
import { WORK } from '../harness/places.ts';

/** A folder with one model, `m`, whose files change. */
export const SWAP_MODELS = join(WORK, 'swap-models');

export const SWAP_SIGNATURE = `\
features: { type: object, required: [x], properties: { x: { type: number, examples: [1] } } }
output: { task: regression }
`;

/** Answers `answer · x`. */
export function swapModel(answer: number): Uint8Array {
  return writeModel({
    inputs: { x: { shape: ['N', 1] } },
    outputs: { score: { shape: ['N', 1] } },
    constants: { weight: floats([1, 1], [answer]) },
    nodes: [node('MatMul', ['x', 'weight'], 'score')],
  });
}

/** Writes the folder anew: version 1, which answers 1. */
export function makeSwapModels(): void {
  rmSync(SWAP_MODELS, { recursive: true, force: true });
  const version = join(SWAP_MODELS, 'm', '1');
  mkdirSync(version, { recursive: true });
  writeFileSync(join(version, 'model.onnx'), swapModel(1));
  writeFileSync(join(version, 'signature.yaml'), SWAP_SIGNATURE);
}
