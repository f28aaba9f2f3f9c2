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

/** What is known of a model when that is decided. */
export interface BatchingQuestion {
  mode: Batching['mode'];
  /** The outputs that rows are answered from. */
  fetches: readonly string[];
  /** All outputs that can be fetched: tensors may be asked for any of them. */
  outputs: readonly string[];
  proofOf: (output: string) => BatchProof;
  /** As `tryTogether`. */
  tryOut: (outputs: readonly string[]) => Promise<string | undefined>;
}

export interface BatchingDecision {
  batching: Batching;
  /** Outputs that requests may share a run for. All of `fetches` are among them where rows are coalesced. */
  shareable: ReadonlySet<string>;
}

/**
 * Decides for which outputs different requests may share a run, and so whether rows do. `auto` takes both a proof from
 * the graph, for each output, and a trial that does not contradict it; `on` is the author's word for what rows are
 * answered from, and for other outputs takes the trial.
 */
export async function decideBatching(question: BatchingQuestion): Promise<BatchingDecision> {
  const { mode, fetches, outputs, proofOf, tryOut } = question;
  if (mode === 'off')
    return { batching: { mode, coalesced: false, reason: 'signature.yaml says off' }, shareable: NONE };
  const proven = mode === 'on' ? outputs : outputs.filter((name) => proofOf(name).independent);
  // One trial for all of them, nearly always: each takes up to a second.
  const isAll = fetches.every((name) => proven.includes(name));
  const objection = proven.length > 0 ? await tryOut(proven) : undefined;
  if (isAll && objection === undefined) return { batching: agreed(mode), shareable: new Set(proven) };
  const batching = await decideRows(question, isAll);
  const shareable = new Set(batching.coalesced ? fetches : []);
  for (const name of proven) {
    if (shareable.has(name)) continue;
    if (objection === undefined || (await tryOut([name])) === undefined) shareable.add(name);
  }
  return { batching, shareable };
}

const NONE: ReadonlySet<string> = new Set();

/** Rows by themselves, whatever is to be said of other outputs. */
async function decideRows({ mode, fetches, proofOf, tryOut }: BatchingQuestion, isProven: boolean): Promise<Batching> {
  if (!isProven) {
    const unproven = fetches.map(proofOf).find((proof) => !proof.independent);
    return { mode, coalesced: false, reason: `not proven: ${unproven?.reason}` };
  }
  const objection = await tryOut(fetches);
  if (objection === undefined) return agreed(mode);
  if (mode === 'on') return { ...agreed(mode), doubt: objection };
  return { mode, coalesced: false, reason: `proven from the graph, but ${objection}` };
}

function agreed(mode: Batching['mode']): Batching {
  const reason =
    mode === 'on' ? 'signature.yaml says on' : 'rows are independent: proven from the graph, and tried out';
  return { mode, coalesced: true, reason };
}
