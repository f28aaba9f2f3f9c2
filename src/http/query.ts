import { didYouMean, sentence } from '../common/did-you-mean.js';
import { DomainError, type FieldProblem } from '../common/errors.js';

/** What is wrong with a parameter. */
export interface Wrong {
  message: string;
  code: string;
}

/** Reads the text of each parameter, or says what it must be. */
export type QueryReaders<Query> = { [Name in keyof Query]-?: (text: string) => NonNullable<Query[Name]> | Wrong };

/**
 * What a query string asks for.
 *
 * @throws DomainError `validation_failed` naming every parameter that is wrong or not known
 */
export function readQuery<Query extends object>(
  readers: QueryReaders<Query>,
  given: Readonly<Record<string, unknown>>,
): Partial<Query> {
  const errors: FieldProblem[] = [];
  const read: Partial<Record<string, unknown>> = {};
  for (const [name, value] of Object.entries(given)) {
    const result = readOne(readers, name, value);
    if (isWrong(result)) errors.push({ path: `?${name.slice(0, 64)}`, ...result });
    else read[name] = result;
  }
  const [first] = errors;
  if (first)
    throw new DomainError('validation_failed', sentence(`The parameter ${first.path} ${first.message}`), { errors });
  return read as Partial<Query>;
}

function readOne<Query extends object>(readers: QueryReaders<Query>, name: string, value: unknown): unknown {
  if (!Object.hasOwn(readers, name))
    return { message: `is not known here${didYouMean(name, Object.keys(readers))}`, code: 'unknown' };
  return typeof value === 'string' ? readers[name as keyof Query](value) : wrong('must be given once');
}

function isWrong(result: unknown): result is Wrong {
  return typeof result === 'object';
}

export function wrong(message: string): Wrong {
  return { message, code: 'invalid' };
}

/** Reads a whole number from 1 on. */
export function wholeNumber(max: number): (text: string) => number | Wrong {
  return (text) => {
    const number = /^\d{1,16}$/.test(text) ? Number(text) : 0;
    return number >= 1 && number <= max ? number : wrong(`must be a whole number from 1 to ${max}`);
  };
}
