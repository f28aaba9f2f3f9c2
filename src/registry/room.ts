/** What a budget sees of a version in memory. */
export interface Resident {
  readonly bytes: number;
  /** Whether it may leave: lazy ones may. */
  readonly mayLeave: boolean;
  /** Whether no request waits for it. */
  readonly isIdle: boolean;
  /** When it was used last, by the monotonic clock in milliseconds. */
  readonly lastUsed: number;
}

/**
 * Which of those in memory leave, so that `bytes` more fit into the budget: idle ones before those that requests wait
 * for, and of these the least recently used first. No more leave than must. Where even all do not make room enough, all
 * that may leave do.
 */
export function leavers<R extends Resident>(residents: readonly R[], bytes: number, budget: number): R[] {
  let excess = bytes - budget;
  for (const resident of residents) excess += resident.bytes;
  const inOrder = residents
    .filter(({ mayLeave }) => mayLeave)
    .sort((a, b) => Number(b.isIdle) - Number(a.isIdle) || a.lastUsed - b.lastUsed);
  const leaving: R[] = [];
  for (const resident of inOrder) {
    if (excess <= 0) break;
    leaving.push(resident);
    excess -= resident.bytes;
  }
  return leaving;
}
