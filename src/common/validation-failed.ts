import { sentence } from './did-you-mean.js';
import { DomainError, type FieldProblem, MAX_PROBLEMS } from './errors.js';

/**
 * The failure of a request with things wrong in it, all named.
 *
 * @param whole what an empty path stands for
 */
export function validationFailed(errors: FieldProblem[], whole: string): DomainError {
  const [first] = errors;
  const where = first?.path === '' ? whole : first?.path;
  const count = errors.length === 1 ? '1 problem' : `${errors.length} problems, the first`;
  const more = errors.length === MAX_PROBLEMS ? ' There may be more.' : '';
  return new DomainError('validation_failed', sentence(`${count}: ${where} ${first?.message}`) + more, { errors });
}
