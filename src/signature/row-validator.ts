import { type ValidateFunction } from 'ajv';
import { createAjv } from '../common/json-schema/ajv.js';
import { isJsonObject, type JsonObject, type JsonSchema } from '../common/json-schema/json-schema.js';
import { toProblems } from '../common/json-schema/problems.js';
import { type FieldProblem } from '../common/errors.js';

/** A row with more values than this is told its first problem only: listing all would cost more than the row. */
const MAX_VALUES_EXPLAINED = 10_000;

const FIRST_PROBLEM = createAjv({ ownProperties: false });
const ALL_PROBLEMS = createAjv({ allErrors: true });
/** For schemas with a name that every object inherits: whether a row has it is the dearer question. */
const FIRST_OWN_PROBLEM = createAjv();
const INHERITED = Object.getOwnPropertyNames(Object.prototype).map((name) => JSON.stringify(name));

/** Checks rows against a schema that is compiled once. */
export class RowValidator {
  /** Stops at the first problem: what every request pays. */
  private readonly accepts: ValidateFunction;
  /** Finds all problems: only for rows that were refused, and made for the first of them. */
  private explain: ValidateFunction | undefined;

  /** @throws Error when the schema itself is not valid */
  constructor(private readonly schema: JsonSchema) {
    const text = JSON.stringify(schema);
    const isPlain = !INHERITED.some((name) => text.includes(name));
    this.accepts = compile(isPlain ? FIRST_PROBLEM : FIRST_OWN_PROBLEM, schema); // 8 % of a batch of 100
  }

  /** What is wrong with a row, at most so many problems; undefined when nothing is. Paths are JSON pointers into the row. */
  problems(row: unknown, most = Infinity): FieldProblem[] | undefined {
    if (this.accepts(row)) return undefined;
    if (!isJsonObject(row)) return [{ path: '', message: 'must be an object: one row of features', code: 'type' }];
    if (most > 1 && isSmall(row)) {
      const explain = (this.explain ??= compile(ALL_PROBLEMS, this.schema));
      explain(row);
      return toProblems(explain.errors ?? [], 'feature', most);
    }
    return toProblems(this.accepts.errors ?? [], 'feature');
  }
}

/** One Ajv serves all versions (making one costs 5 ms), and keeps none of their schemas. */
function compile(ajv: typeof FIRST_PROBLEM, schema: JsonSchema): ValidateFunction {
  try {
    return ajv.compile(schema);
  } finally {
    ajv.removeSchema(schema);
  }
}

function isSmall(row: unknown): boolean {
  let left = MAX_VALUES_EXPLAINED;
  const count = (value: unknown): boolean => {
    if (--left < 0) return false;
    if (typeof value !== 'object' || value === null) return true;
    for (const key in value) if (!count((value as JsonObject)[key])) return false;
    return true;
  };
  return count(row);
}
