import { type FieldProblem } from '../common/errors.js';
import { isJsonObject, type JsonObject, type JsonSchema } from '../common/json-schema/json-schema.js';
import { type Row } from './columns.js';
import { exampleRow } from './example-row.js';
import { type Feature } from './feature.js';
import { RowValidator } from './row-validator.js';

/** What a row gives in order to be looked up. */
export interface LookupKey {
  name: string;
  schema: JsonSchema;
  /** Whether each row must have it, as its author says. */
  isRequired: boolean;
  /** Whether the model takes it as well. */
  isFeature: boolean;
}

/** A feature that is stored, and its column. */
export interface StoredFeature {
  feature: Feature;
  column: string;
}

/** Keywords of a row's schema that speak of one feature at a time: they hold for a row whose stored ones are still to come. */
const OF_ONE_FEATURE = ['title', 'type', 'description', 'patternProperties', 'propertyNames', 'additionalProperties'];

/**
 * Features of a row that are stored in a table, by a key that the row gives. A row without the key is complete by itself.
 * Pure: it knows what is to be looked up, and not where.
 */
export class Lookup {
  /** JSON Schema of a row that gives the key. */
  readonly keyedSchema: JsonSchema;
  /** JSON Schema of any row: one that gives the key, or is complete by itself. */
  readonly rowSchema: JsonSchema;
  private readonly keyed: RowValidator;

  /**
   * @param table its name, perhaps with that of its schema in front
   * @param complete JSON Schema of a row that is complete
   */
  constructor(
    private readonly keySpec: LookupKey,
    readonly table: string,
    readonly features: readonly StoredFeature[],
    complete: JsonSchema,
  ) {
    this.keyedSchema = this.toKeyed(complete);
    this.rowSchema = this.toAny(complete);
    this.keyed = new RowValidator(this.keyedSchema);
  }

  get key(): string {
    return this.keySpec.name;
  }

  /** Whether a row is to be looked up: it gives the key, or should. */
  concerns(row: unknown): boolean {
    return this.keySpec.isRequired || (isJsonObject(row) && Object.hasOwn(row, this.key));
  }

  /** What is wrong with a row as it was sent, which must have the key; undefined when it can be looked up. */
  problems(row: unknown, most?: number): FieldProblem[] | undefined {
    return this.keyed.problems(row, most);
  }

  /** The key of a row that has been checked, as text: 7 and "7" are the same. Undefined where it has none. */
  keyOf(row: Row): string | undefined {
    return Object.hasOwn(row, this.key) ? String(row[this.key]) : undefined;
  }

  /**
   * A row with the features that are stored for its key, which win over those that were sent. What is stored as nothing
   * is the feature's default, or null where the schema allows that; else the feature is missing.
   *
   * @param stored values of the features in their order, as the schema has them; null where there is none
   */
  complete(row: Row, stored: readonly unknown[]): Row {
    const complete = this.withoutKey(row);
    for (const [index, { feature }] of this.features.entries()) {
      complete[feature.name] = stored[index] ?? feature.fallback;
    }
    return complete;
  }

  /** A complete row with the key that it was found by, where one was sent: for records. */
  withKey(complete: Row, sent: Row): Row {
    return Object.hasOwn(sent, this.key) ? { [this.key]: sent[this.key], ...complete } : complete;
  }

  /** A complete row as one that gives the key instead: for the documentation. */
  keyedExample(complete: Row): Row {
    const sent = Object.entries(complete).filter(([name]) => !this.isStored(name));
    const key: JsonObject = exampleRow({ properties: { [this.key]: this.keySpec.schema } });
    return { ...key, ...Object.fromEntries(sent) };
  }

  /** A copy of a row as the model takes it, for which the key may be a feature as well. */
  private withoutKey(row: Row): Row {
    if (this.keySpec.isFeature) return { ...row };
    const { [this.key]: _key, ...rest } = row;
    return rest;
  }

  private aboutKey(): string {
    return `Key by which the service looks up ${this.features.map(({ feature }) => feature.name).join(', ')}`;
  }

  private isStored(name: string): boolean {
    return this.features.some(({ feature }) => feature.name === name);
  }

  private toKeyed({ properties, required = [], ...rest }: JsonSchema): JsonSchema {
    const sent = required.filter((name) => name !== this.key && !this.isStored(name));
    return {
      ...Object.fromEntries(Object.entries(rest).filter(([keyword]) => OF_ONE_FEATURE.includes(keyword))),
      required: [this.key, ...sent],
      properties: { [this.key]: { description: this.aboutKey(), ...this.keySpec.schema }, ...properties },
    };
  }

  /** What is said of several features at once is said of rows without the key: it can be told of no others yet. */
  private toAny(complete: JsonSchema): JsonSchema {
    const { required = [], properties: _properties, ...rest } = complete;
    const { keyedSchema, key } = this;
    if (this.keySpec.isRequired) return keyedSchema;
    const stored = required.filter((name) => this.isStored(name));
    const ofSeveral = Object.entries(rest).filter(([keyword]) => !OF_ONE_FEATURE.includes(keyword));
    const withoutKey = { ...(stored.length > 0 && { required: stored }), ...Object.fromEntries(ofSeveral) };
    return {
      ...keyedSchema,
      required: (keyedSchema.required ?? []).filter((name) => name !== key),
      ...(Object.keys(withoutKey).length > 0 && { anyOf: [{ required: [key] }, withoutKey] }),
    };
  }
}
