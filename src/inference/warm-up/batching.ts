import { type BatchProof } from '../graph/batch-proof.js';

/** Whether requests share runs, and why. */
export interface Batching {
  /** What signature.yaml asks for. */
  mode: 'on' | 'off' | 'auto';
  coalesced: boolean;
  reason: string;
  /** What speaks against it where it was asked for all the same. */
  doubt?: string;
}

/**
 * Decides whether rows of different requests may share a run. `auto` takes both a proof from the graph, for each output
 * that is fetched, and a trial that does not contradict it; `on` is the author's word.
 *
 * @param tryOut as `tryTogether`
 */
export async function decideBatching(
  mode: Batching['mode'],
  proofs: readonly BatchProof[],
  tryOut: () => Promise<string | undefined>,
): Promise<Batching> {
  if (mode === 'off') return { mode, coalesced: false, reason: 'signature.yaml says off' };
  if (mode === 'on') {
    const doubt = await tryOut();
    return { mode, coalesced: true, reason: 'signature.yaml says on', ...(doubt !== undefined && { doubt }) };
  }
  const unproven = proofs.find((proof) => !proof.independent);
  if (unproven) return { mode, coalesced: false, reason: `not proven: ${unproven.reason}` };
  const objection = await tryOut();
  if (objection !== undefined) return { mode, coalesced: false, reason: `proven from the graph, but ${objection}` };
  return { mode, coalesced: true, reason: 'rows are independent: proven from the graph, and tried out' };
}
