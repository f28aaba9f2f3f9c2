import { cpSync, linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODELS, WORK } from '../harness/places.ts';

/** A folder with one model, credit-risk, and one with so many lazy ones beside it. */
export const ONE_MODEL = join(WORK, 'one-model');
export const MANY_MODELS = join(WORK, 'many-models');
export const LAZY_MODELS = 999;

/** Writes both folders anew. The lazy models are hard links to the files of the one. */
export function makeManyModels(): void {
  for (const folder of [ONE_MODEL, MANY_MODELS]) {
    rmSync(folder, { recursive: true, force: true });
    cpSync(join(MODELS, 'credit-risk', '1.0.0'), join(folder, 'credit-risk', '1.0.0'), { recursive: true });
    writeFileSync(join(folder, 'credit-risk', 'model.yaml'), 'primary: true\n');
  }
  const original = join(MANY_MODELS, 'credit-risk', '1.0.0');
  const files = readdirSync(original);
  for (let index = 1; index <= LAZY_MODELS; index++) {
    const model = join(MANY_MODELS, `lazy-${String(index).padStart(3, '0')}`);
    mkdirSync(join(model, '1.0.0'), { recursive: true });
    for (const file of files) linkSync(join(original, file), join(model, '1.0.0', file));
    writeFileSync(join(model, 'model.yaml'), 'load: lazy\n');
  }
}
