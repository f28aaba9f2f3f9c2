import { DomainError } from '../common/errors.js';
import { type JsonObject } from '../common/json-schema/json-schema.js';
import { failed } from './contract.js';

/** What requests and tensors say of themselves beside what the protocol has a field for. */
export type Parameters = JsonObject;

/** @throws DomainError `not_supported` for what would be another tensor if it were passed over */
export function checkInputParameters({ shared_memory_region }: Parameters, title: string): void {
  if (shared_memory_region !== undefined) throw notSupported(`${title} lies in shared memory`);
}

/** @throws DomainError `not_supported` for what would be another answer if it were passed over */
export function checkOutputParameters({ shared_memory_region, classification }: Parameters, title: string): void {
  if (shared_memory_region !== undefined) throw notSupported(`${title} is wanted in shared memory`);
  if (classification !== undefined) throw notSupported(`${title} is wanted as a classification`);
}

/**
 * Milliseconds that a request may take: Triton's parameter, in microseconds; 0 leaves it to the server.
 *
 * @throws DomainError `validation_failed`
 */
export function timeoutOf({ timeout }: Parameters): number | undefined {
  if (timeout === undefined || timeout === null || timeout === 0) return undefined;
  if (Number.isSafeInteger(timeout) && (timeout as number) > 0) return (timeout as number) / 1000;
  throw failed(['timeout must be a whole number of microseconds']);
}

function notSupported(what: string): DomainError {
  const message = `${what.charAt(0).toUpperCase()}${what.slice(1)}, which this service does not have.`;
  return new DomainError('not_supported', message);
}
