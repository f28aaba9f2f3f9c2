import { hash } from 'node:crypto';

/** As many bits as a number holds well. */
const DIGITS = 12;
const RANGE = 16 ** DIGITS;

/**
 * Whether a request is in the sample: by its id alone, so that its repetitions are in it too, in whichever process and
 * whenever they come.
 *
 * @param part of all requests, above 0 and up to 1
 */
export function isSampled(requestId: string, part: number): boolean {
  return part >= 1 || parseInt(hash('sha256', requestId, 'hex').slice(0, DIGITS), 16) < part * RANGE;
}
