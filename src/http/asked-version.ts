import { type IncomingMessage } from 'node:http';
import { DomainError } from '../common/errors.js';

/** No name is longer, and no range need be. */
const MAX_LENGTH = 256;

/**
 * What a request's X-Model-Version says.
 *
 * @throws DomainError `validation_failed` where there are two of them, which Node joins by a comma, or a book
 */
export function versionAskedBy({ headers }: IncomingMessage): string | undefined {
  const header = headers['x-model-version'];
  if (typeof header !== 'string') return undefined;
  if (header.includes(',') || header.length > MAX_LENGTH)
    throw new DomainError('validation_failed', 'The X-Model-Version header must be one version, label or range.');
  return header.trim() || undefined;
}
