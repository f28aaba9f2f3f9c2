import { distance } from 'fastest-levenshtein';

/** Longer names are not compared: edit distance is quadratic, and a name comes from outside. */
const MAX_LENGTH = 64;

/** The candidate that was probably meant by `name`, if one is near: within a third of its letters. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  let best: string | undefined;
  // Of one or two letters any other name would be near.
  let bestDistance = (name.length < 3 ? 0 : Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const d = candidate.toLowerCase() === name.toLowerCase() ? 0 : distance(name, candidate);
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}

/** `; did you mean "x"?` where a candidate is near, else an empty string: to be put after a message. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const candidate = nearest(name, candidates);
  return candidate === undefined ? '' : `; did you mean "${candidate}"?`;
}

/** A text that may end with such a question, as a sentence. */
export function sentence(text: string): string {
  return text.endsWith('?') ? text : `${text}.`;
}
