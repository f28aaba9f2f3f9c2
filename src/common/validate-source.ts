import { createAjv } from './json-schema/ajv.js';
import { toProblems } from './json-schema/problems.js';
import { type SourceFile } from './source-file.js';

const FILES = createAjv({ allErrors: true });

/**
 * Checks a hand-written file against the schema of its kind, which is compiled once.
 *
 * @throws SourceProblem with file and line of the first problem
 */
export function validateSource(file: SourceFile, schema: object): unknown {
  const validate = FILES.compile(schema);
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
