import { readdir } from 'node:fs/promises';
import { SIGNATURE_FILE } from '../signature/signature-file.js';
import { GOLDEN_FILE } from './golden-check.js';
import { MODEL_FILE } from './model-file.js';

/** What a file may be called by mistake, and its name. */
const MEANT = new Map([
  ['signature.yml', SIGNATURE_FILE],
  ['signature.json', SIGNATURE_FILE],
  ['goldens.json', GOLDEN_FILE],
  ['golden.yaml', GOLDEN_FILE],
  ['golden.yml', GOLDEN_FILE],
  ['model.yml', MODEL_FILE],
]);

/**
 * Hints at files that are not read, and were probably meant to be.
 *
 * @param path how the folder is called in a hint
 * @param graph the graph's file, where the folder must have one
 */
export async function misnamedFiles(folder: string, path: string, graph?: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.sort().flatMap((name) => {
    const meant = MEANT.get(name) ?? (name.endsWith('.onnx') ? graph : undefined);
    return meant === undefined || names.includes(meant) ? [] : [`${path}/${name}: ignored, name it ${meant}`];
  });
}
