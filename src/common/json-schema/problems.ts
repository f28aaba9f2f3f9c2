import { type ErrorObject } from 'ajv';
import { didYouMean } from '../did-you-mean.js';
import { type FieldProblem } from '../errors.js';
import { describeSchema } from './describe.js';
import { type JsonSchema } from './json-schema.js';

/** Names come from the client: this many characters of one are shown. */
const MAX_NAME = 64;

const CODES: Partial<Record<string, string>> = {
  required: 'missing',
  additionalProperties: 'unknown',
  unevaluatedProperties: 'unknown',
  type: 'type',
  rectangular: 'shape',
  minimum: 'range',
  maximum: 'range',
  exclusiveMinimum: 'range',
  exclusiveMaximum: 'range',
  multipleOf: 'range',
  enum: 'not_allowed',
  const: 'not_allowed',
  minItems: 'length',
  maxItems: 'length',
  minLength: 'length',
  maxLength: 'length',
  pattern: 'pattern',
  format: 'format',
};

/**
 * Ajv's errors as problems a person can act on: one for each place, saying all that is asked of it.
 * Never echoes a value that was sent. Needs errors from an Ajv with `verbose: true`.
 *
 * @param what how an unknown name is called: "feature", "setting"
 */
export function toProblems(errors: readonly ErrorObject[], what: string): FieldProblem[] {
  const choices = errors
    .filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')
    .map(({ schemaPath }) => `${schemaPath}/`);
  const problems = new Map<string, FieldProblem>();
  for (const error of errors) {
    if (choices.some((choice) => error.schemaPath.startsWith(choice))) continue; // told by the choice as a whole
    const problem = toProblem(error, what);
    if (!problems.has(problem.path)) problems.set(problem.path, problem);
  }
  return [...problems.values()];
}

function toProblem(error: ErrorObject, what: string): FieldProblem {
  const schema = error.parentSchema as JsonSchema;
  const { keyword, instancePath } = error;
  const code = CODES[keyword] ?? 'invalid';
  const params = error.params as Record<string, string>;
  if (params.missingProperty !== undefined) {
    const property = schema.properties?.[params.missingProperty];
    const wanted = property ? `: ${describeSchema(property)}` : '';
    return { path: pointer(instancePath, params.missingProperty), message: `is required${wanted}`, code };
  }
  const unknown = params.additionalProperty ?? params.unevaluatedProperty;
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, Object.keys(schema.properties ?? {}));
    return { path: pointer(instancePath, unknown), message: `is not a known ${what}${hint}`, code };
  }
  if (keyword === 'false schema') return { path: instancePath, message: 'is not allowed', code };
  if (keyword === 'rectangular') return { path: instancePath, message: 'must hold lists of equal length', code };
  return { path: instancePath, message: `must be ${describeSchema(schema)}`, code };
}

/** Appends a name to a JSON pointer, escaped as RFC 6901 says and cut to a length that is safe to show. */
export function pointer(parent: string, name: string): string {
  const shown = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name;
  return `${parent}/${shown.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
