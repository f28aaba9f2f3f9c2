import { figure, table } from './table.ts';

/** A target, held against what was measured. */
export interface Verdict {
  what: string;
  wanted: string;
  seen: string;
  reached: boolean;
}

/** @param show how both numbers are written */
export function atMost(what: string, seen: number, limit: number, show: (value: number) => string = figure): Verdict {
  return { what, wanted: `at most ${show(limit)}`, seen: show(seen), reached: seen <= limit };
}

export function atLeast(what: string, seen: number, limit: number, show: (value: number) => string = figure): Verdict {
  return { what, wanted: `at least ${show(limit)}`, seen: show(seen), reached: seen >= limit };
}

/** Nothing may be there. */
export function none(what: string, seen: number): Verdict {
  return { what, wanted: 'none', seen: String(seen), reached: seen === 0 };
}

/** A number with its unit. */
export function inUnits(unit: string): (value: number) => string {
  return (value) => `${figure(value)} ${unit}`;
}

/** A ratio: 2.20×. */
export function asTimes(value: number): string {
  return `${figure(value)}×`;
}

/** A ratio that is to be small: 1/25.0, and 1.20× where it is not. */
export function asPart(value: number): string {
  return value < 1 ? `1/${figure(1 / value)}` : asTimes(value);
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return table(
    ['target', 'wanted', 'seen', 'reached'],
    verdicts.map(({ what, wanted, seen, reached }) => [what, wanted, seen, reached ? 'yes' : 'NO']),
  );
}
