import { type ErrorObject } from 'ajv';
import { didYouMean } from '../did-you-mean.js';
import { type FieldProblem } from '../errors.js';
import { describeSchema } from './describe.js';
import { type JsonSchema } from './json-schema.js';

/** Names come from the client: this many characters of one are shown. */
const MAX_NAME = 64;
/** Each hint compares a name with all that are known: the first ones of a row get one. */
const MAX_HINTS = 20;

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
 * @param most how many problems to tell at most
 */
export function toProblems(errors: readonly ErrorObject[], what: string, most = Infinity): FieldProblem[] {
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const insides = choices.map(({ schemaPath }) => `${schemaPath}/`);
  const problems = new Map<string, FieldProblem>();
  for (const error of errors) {
    if (problems.size >= most) break;
    if (insides.some((inside) => error.schemaPath.startsWith(inside))) continue; // told by the choice as a whole
    const problem = toProblem(error, what, problems.size < MAX_HINTS);
    const code = choices.includes(error) ? (codeOfChoice(error, errors) ?? problem.code) : problem.code;
    if (!problems.has(problem.path)) problems.set(problem.path, { ...problem, code });
  }
  return [...problems.values()];
}

/** What is wrong with the one branch that is not null, as most choices are "this or null". */
function codeOfChoice(choice: ErrorObject, errors: readonly ErrorObject[]): string | undefined {
  const inside = `${choice.schemaPath}/`;
  const codes = errors
    .filter(
      ({ schemaPath, parentSchema }) => schemaPath.startsWith(inside) && (parentSchema as JsonSchema).type !== 'null',
    )
    .map(({ keyword }) => CODES[keyword]);
  return new Set(codes).size === 1 ? codes[0] : undefined;
}

function toProblem(error: ErrorObject, what: string, withHint: boolean): FieldProblem {
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
    const hint = withHint ? didYouMean(unknown, Object.keys(schema.properties ?? {})) : '';
    return { path: pointer(instancePath, shortened(unknown)), message: `is not a known ${what}${hint}`, code };
  }
  if (keyword === 'false schema') return { path: instancePath, message: 'is not allowed', code };
  if (keyword === 'rectangular') return { path: instancePath, message: 'must hold lists of equal length', code };
  return { path: instancePath, message: `must be ${describeSchema(schema)}`, code };
}

/** Appends a name to a JSON pointer, escaped as RFC 6901 says. */
export function pointer(parent: string, name: string): string {
  return `${parent}/${name.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A name that came from outside, cut to a length that is safe to show. */
export function shortened(name: string): string {
  return name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name;
}
