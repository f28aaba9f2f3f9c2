import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODELS, WORK } from '../harness/places.ts';

/**
 * A folder that holds credit-risk alone.
 *
 * @param name of the folder
 * @param yaml what its model.yaml says
 */
export function makeCreditRisk(name: string, yaml: string): string {
  const folder = join(WORK, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(MODELS, 'credit-risk', '1.0.0'), join(folder, 'credit-risk', '1.0.0'), { recursive: true });
  writeFileSync(join(folder, 'credit-risk', 'model.yaml'), yaml);
  return folder;
}
