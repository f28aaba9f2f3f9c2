import { type ValidateFunction } from 'ajv';
import { toProblems } from './json-schema/problems.js';
import { type SourceFile } from './source-file.js';

/**
 * Checks a hand-written file against the schema of its kind.
 *
 * @throws SourceProblem with file and line of the first problem
 */
export function validateSource<T>(file: SourceFile, validate: ValidateFunction<T>): T {
  const value = file.value() ?? {};
  if (validate(value)) return value;
  const [first] = toProblems(validate.errors ?? [], 'setting of this file');
  if (!first) throw file.problem([], 'is not valid');
  throw file.problem(fromPointer(first.path), first.message);
}

function fromPointer(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
