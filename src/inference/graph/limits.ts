/** A file, or a part of one, that is not what the format says. The message is fit for the model's author. */
export class OnnxFileProblem extends Error {}

/** What a file may make us build; the largest models in use stay far below. */
const MAX_MESSAGES = 1_000_000;
const MAX_DEPTH = 64;
/** Longest list of numbers or names that is taken apart. Trees have longer ones, which are stepped over. */
const MAX_LIST = 100_000;

/** Counts messages over a whole file, so that a small hostile file cannot grow into a large heap. */
export class Budget {
  private left = MAX_MESSAGES;

  spend(depth: number): void {
    if (depth > MAX_DEPTH) throw new OnnxFileProblem('nests its parts too deeply');
    if (--this.left < 0) throw new OnnxFileProblem('has too many parts');
  }
}

/** @throws OnnxFileProblem when a list is longer than any that the analysis needs */
export function append<T>(list: T[], item: T): void {
  if (list.length >= MAX_LIST) throw new OnnxFileProblem('has a list that is too long');
  list.push(item);
}
