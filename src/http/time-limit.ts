import { type IncomingMessage } from 'node:http';
import { DomainError } from '../common/errors.js';

/**
 * Milliseconds that a request may take: its sender may ask for fewer than the service allows.
 *
 * @throws DomainError `validation_failed`
 */
export function timeLimitOf({ headers }: IncomingMessage, allowedMs: number): number {
  const asked = headers['x-request-timeout-ms'];
  if (asked === undefined) return allowedMs;
  if (/^[1-9]\d{0,8}$/.test(asked as string)) return Math.min(Number(asked), allowedMs);
  throw new DomainError('validation_failed', 'The X-Request-Timeout-Ms header must be a whole number from 1 on.');
}
