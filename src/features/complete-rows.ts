import { DomainError, type FieldProblem, MAX_PROBLEMS } from '../common/errors.js';
import { pointer } from '../common/json-schema/problems.js';
import { type Row } from '../signature/columns.js';
import { type Lookup } from '../signature/lookup.js';
import { type Signature } from '../signature/signature.js';
import { type Found, type StoredRow } from './feature-table.js';
import { toFeatureValue } from './stored-value.js';

/** Something stored that the schema refuses: whose value it is, and the column. */
interface StoredProblem extends FieldProblem {
  column: string;
}

/** What is stored for some rows cannot be used. */
export class BadStoredFeatures extends DomainError {
  readonly columns: ReadonlySet<string>;

  constructor(problems: readonly StoredProblem[]) {
    const [first] = problems;
    const count = problems.length === 1 ? '' : `, among ${problems.length} problems`;
    super('stored_features_invalid', `What is stored cannot be used: ${first?.message}${count}.`, {
      errors: problems.map(({ path, message, code }) => ({ path, message, code })),
    });
    this.columns = new Set(problems.map(({ column }) => column));
  }
}

/**
 * Rows with what was found for their keys; those without a key as they are.
 *
 * @param rows that were checked as they were sent; what several features together must fulfil is still to be checked
 * @throws DomainError `features_not_found` naming each row whose key is unknown, else `stored_features_invalid`
 */
export function completeRows(
  signature: Signature,
  lookup: Lookup,
  rows: readonly Row[],
  found: Found,
  rowPath: (row: number) => string,
): Row[] {
  const unknown: FieldProblem[] = [];
  const bad: StoredProblem[] = [];
  const complete = rows.map((row, index) => {
    const key = lookup.keyOf(row);
    if (key === undefined || unknown.length >= MAX_PROBLEMS || bad.length >= MAX_PROBLEMS) return row;
    const path = rowPath(index);
    const stored = found.get(key);
    if (!stored)
      unknown.push({ path: pointer(path, lookup.key), message: 'has no stored features', code: 'not_found' });
    else if (stored === 'several') bad.push(ambiguous(lookup, path));
    else return toComplete(signature, lookup, row, stored, path, bad);
    return row;
  });
  if (unknown.length > 0) throw notFound(unknown);
  if (bad.length > 0) throw new BadStoredFeatures(bad);
  return complete;
}

function toComplete(
  signature: Signature,
  lookup: Lookup,
  row: Row,
  stored: StoredRow,
  path: string,
  bad: StoredProblem[],
): Row {
  const values = lookup.features.map(({ feature }, index) => toFeatureValue(stored[index], feature));
  const complete = lookup.complete(row, values);
  for (const problem of signature.problems(complete, MAX_PROBLEMS) ?? []) {
    const [, name = ''] = problem.path.split('/');
    const place = lookup.features.find(({ feature }) => pointer('', feature.name) === `/${name}`);
    if (!place) continue;
    const what = problem.code === 'missing' ? 'is empty, and there is no default for it' : problem.message;
    const message = `column "${place.column}" ${what}`;
    bad.push({ ...problem, path: path + problem.path, message, column: place.column });
  }
  return complete;
}

function ambiguous({ key }: Lookup, path: string): StoredProblem {
  return {
    path: pointer(path, key),
    message: `column "${key}" has this key more than once`,
    code: 'several',
    column: key,
  };
}

function notFound(errors: FieldProblem[]): DomainError {
  const [first] = errors;
  const where = errors.length === 1 ? first?.path : `${errors.length} rows, the first at ${first?.path}`;
  return new DomainError('features_not_found', `No features are stored for the key of ${where}.`, { errors });
}
