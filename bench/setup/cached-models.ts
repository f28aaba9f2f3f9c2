import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODELS, WORK } from '../harness/places.ts';

/** credit-risk as it is, and once more with its predictions cached on every route. */
export const CACHED_MODELS = join(WORK, 'cached-models');

export function makeCachedModels(): void {
  rmSync(CACHED_MODELS, { recursive: true, force: true });
  const version = join(MODELS, 'credit-risk', '1.0.0');
  for (const name of ['credit-risk', 'cached'])
    cpSync(version, join(CACHED_MODELS, name, '1.0.0'), { recursive: true });
  writeFileSync(join(CACHED_MODELS, 'credit-risk', 'model.yaml'), 'primary: true\n');
  writeFileSync(join(CACHED_MODELS, 'cached', 'model.yaml'), 'cache: true\n');
}
