import { type Decision } from './decisions.js';

/** Why a version is not served, for a reason that lies outside its own files. */
export interface Exclusion {
  state: 'FAILED' | 'UNLOADED';
  reason: string;
}

/**
 * Whether a version is kept from being served.
 *
 * @param problem why none of its model's versions can be served
 * @param decision what an operator said of it: that wins over its model.yaml
 * @param isSelected whether `versions` in model.yaml has it
 */
export function exclusionOf(
  problem: string | undefined,
  decision: Decision | undefined,
  isSelected: boolean,
): Exclusion | undefined {
  if (problem !== undefined) return { state: 'FAILED', reason: problem };
  if (decision?.value === 'unload') {
    return { state: 'UNLOADED', reason: `unloaded by ${decision.who} at ${decision.at}` };
  }
  if (isSelected || decision?.value === 'load') return undefined;
  return { state: 'UNLOADED', reason: 'left out by `versions` in model.yaml' };
}
