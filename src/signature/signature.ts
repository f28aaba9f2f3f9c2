import { type FieldProblem } from '../common/errors.js';
import { pointer } from '../common/json-schema/problems.js';
import { type JsonObject, type JsonSchema } from '../common/json-schema/json-schema.js';
import { type SourcePath, SourceProblem } from '../common/source-file.js';
import { batchKey, type RowRequest } from '../inference/run-request.js';
import { type Graph } from '../inference/session.js';
import { describeTensor, type Tensor, type TensorInfo, type Tensors } from '../inference/tensor.js';
import { type Row } from './columns.js';
import { exampleRow, isExampleWritten } from './example-row.js';
import { analyseFeatures } from './feature.js';
import { type FeaturesSource, readFeatures } from './features.js';
import { featuresOfGraph } from './graph-features.js';
import { type InputEncoder, planInputs, rowDims } from './inputs.js';
import { type Lookup } from './lookup.js';
import { type OutputPlan, planOutput } from './output.js';
import { type Prediction } from './prediction.js';
import { takeKey, toLookup } from './read-lookup.js';
import { RowValidator } from './row-validator.js';
import { type Limits, type OutputSpec, readSignatureFile } from './signature-file.js';
import { withTensorLimits } from './tensor-limits.js';

export type RowShape = Pick<RowRequest, 'rowDims' | 'key'>;

/**
 * How a JSON row becomes tensors, and tensors a prediction: a version's types, checked against its graph.
 * Pure once made; knows neither HTTP nor the engine.
 */
export class Signature {
  /** Where no row changes it. */
  private readonly fixedShape: RowShape | undefined;
  /** A row that the schema accepts, if one could be made from its examples and limits. */
  readonly example: Row | undefined;
  /** Whether the author wrote each value of the example, rather than some being made up. */
  readonly isExampleWritten: boolean;
  readonly task: OutputSpec['task'];
  readonly classes: readonly string[] | undefined;
  /** Names of the graph outputs that `decode` needs. */
  readonly fetches: readonly string[];
  /** Whether it was read off the graph: nobody has written a signature.yaml. */
  isImplied = false;

  /** @throws Error when the schema is not a valid JSON Schema */
  constructor(
    readonly description: string | undefined,
    /** JSON Schema of one complete row, with the limits of its tensors: what validates, and what the documentation shows. */
    readonly schema: JsonSchema,
    private readonly encoders: readonly InputEncoder[],
    private readonly output: OutputPlan,
    /** Whether requests may share a run: `auto` leaves it to the proof. */
    readonly batching: 'on' | 'off' | 'auto',
    readonly limits: Limits,
    /** The features that are stored, where some are. */
    readonly lookup: Lookup | undefined,
    private readonly validator = new RowValidator(schema),
  ) {
    this.task = output.task;
    this.classes = output.classes;
    this.fetches = output.fetches;
    const varies = encoders.some(({ lengthsOf }) => lengthsOf);
    this.fixedShape = varies ? undefined : this.toShape(encoders.map(({ dims }) => dims as readonly number[]));
    const example = exampleRow(schema);
    this.isExampleWritten = isExampleWritten(schema);
    this.example = this.problems(example) ? undefined : example;
  }

  /** The same signature, whose `decode` gives a SourceProblem where a row's outputs contradict signature.yaml. */
  checking(): Signature {
    const { check, decode, fetches, ...output } = this.output;
    if (!check) return this;
    const plan: OutputPlan = {
      ...output,
      fetches: [...fetches, ...check.fetches],
      decode: (outputs, row) => {
        check.row(outputs, row);
        return decode(outputs, row);
      },
    };
    const { description, schema, encoders, batching, limits, lookup, validator } = this;
    return new Signature(description, schema, encoders, plan, batching, limits, lookup, validator);
  }

  /** JSON Schema of a row as it may be sent: complete, or with the key of its stored features. */
  get rowSchema(): JsonSchema {
    return this.lookup?.rowSchema ?? this.schema;
  }

  /** What is wrong with a row, at most so many problems; undefined when it can be encoded. */
  problems(row: unknown, most?: number): FieldProblem[] | undefined {
    return this.validator.problems(row, most);
  }

  /** What the rows' run needs to know: the dimensions of each graph input after the batch axis, and what may share it. */
  shapeOf(row: Row): RowShape {
    return this.fixedShape ?? this.toShape(this.encoders.map((encoder) => rowDims(encoder, row)));
  }

  private toShape(rowDims: readonly (readonly number[])[]): RowShape {
    return { rowDims, key: batchKey(rowDims, this.fetches) };
  }

  /** Valid rows of one shape, as a request to the model. */
  request(rows: readonly Row[]): RowRequest {
    const { rowDims, key } = this.shapeOf(rows[0] as Row);
    const write: RowRequest['write'] = (tensors, offset) => {
      this.write(rows, tensors, offset);
    };
    return { rowDims, key, rows: rows.length, fetches: this.fetches, write };
  }

  private write(rows: readonly Row[], tensors: readonly Tensor[], offset: number): void {
    for (const [index, { write }] of this.encoders.entries()) {
      const { data, dims } = tensors[index] as Tensor;
      const size = data.length / (dims[0] as number);
      write(rows, data, offset * size, size);
    }
  }

  /**
   * The prediction for one row of a run's outputs.
   *
   * @throws NonFiniteOutput
   */
  decode(outputs: Tensors, row: number): Prediction {
    return this.output.decode(outputs, row);
  }

  /** Why a run's outputs are not what the signature says, or undefined when they are. */
  mismatch(outputs: Tensors): string | undefined {
    const { width, fetches } = this.output;
    const [name = ''] = fetches;
    const { dims, data } = outputs.get(name) as Tensor;
    const given = data.length / (dims[0] ?? 1);
    if (width === undefined || given === width) return undefined;
    return `output "${name}" gives ${given} values a row, and the signature says ${width}`;
  }
}

/**
 * A version's signature: from its signature.yaml, else from a graph whose inputs are all columns.
 *
 * @param warnings told of what is right but probably not meant, as lines for the author
 * @returns undefined where there is neither: such a model has no rows, only tensors
 * @throws SourceProblem naming file and line
 */
export async function loadSignature(
  folder: string,
  graph: Graph,
  warnings: string[] = [],
): Promise<Signature | undefined> {
  const signature = await readSignatureFile(folder);
  const spec = signature?.spec ?? {};
  const fail = (path: SourcePath, message: string) =>
    signature?.file.problem(path, message) ?? new SourceProblem(message);
  const written =
    signature && spec.features ? await readFeatures(folder, signature.file, spec.features, warnings) : undefined;
  const source = written ?? featuresOfGraph(graph.inputs);
  if (!source) {
    if (signature)
      throw fail(['features'], 'is missing, and the graph has inputs that are not columns ([N,1]) to take it from');
    return undefined;
  }
  const failInputs = (path: SourcePath, message: string) =>
    path[0] === 'features' ? source.problem(path.slice(1), message) : fail(path, message);
  const key = spec.lookup && takeKey(source, spec, spec.lookup, graph.inputs, fail);
  const features = analyseFeatures(source);
  const plan = planInputs(graph.inputs, features, spec.inputs, failInputs);
  const output = planOutput(graph, spec.output ?? { task: 'raw' }, (path, message) =>
    fail(['output', ...path], message),
  );
  checkBatchAxis(graph.inputs, fail);
  for (const { feature, info, lengths } of plan.uses) limit(source, feature.name, info, lengths);
  try {
    const made = new Signature(
      spec.description,
      source.schema,
      plan.encoders,
      output,
      spec.batching ?? 'auto',
      spec.limits ?? {},
      key && spec.lookup && toLookup(spec.lookup, key, features, source.schema, fail),
    );
    made.isImplied = signature === undefined;
    checkExamples(made, source);
    if (!made.example) warnings.push(withoutExample(made, source).message);
    return made;
  } catch (error) {
    if (error instanceof SourceProblem) throw error;
    throw source.problem([], (error as Error).message);
  }
}

function limit(source: FeaturesSource, name: string, info: TensorInfo, lengths: (number | undefined)[]): void {
  const properties = source.schema.properties as Record<string, JsonSchema>;
  properties[name] = withTensorLimits(properties[name] as JsonSchema, info.type, lengths);
}

/** A default or example that its own schema refuses is a mistake that every reader of the documentation would repeat. */
function checkExamples(signature: Signature, { schema, problem }: FeaturesSource): void {
  const known: JsonObject = signature.example ?? exampleRow(schema);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    for (const [path, value] of valuesIn(property)) {
      const at = pointer('', name);
      const wrong = signature
        .problems({ ...known, [name]: value })
        ?.find(({ path: found }) => found === at || found.startsWith(`${at}/`));
      if (wrong) throw problem(['properties', name, ...path], wrong.message);
    }
  }
}

/** A row could not be made from the schema: it asks for a form that only its author knows, or for what no row has. */
function withoutExample(signature: Signature, { schema, problem }: FeaturesSource): SourceProblem {
  const [first] = signature.problems(exampleRow(schema)) ?? [];
  const [, name] = first?.path.split('/') ?? [];
  const path = name === undefined ? [] : ['properties', name.replaceAll('~1', '/').replaceAll('~0', '~')];
  return problem(path, `no example could be made (${first?.message ?? ''}): give \`examples\`, or correct its limits`);
}

function valuesIn(property: JsonSchema): [SourcePath, unknown][] {
  const examples = (property.examples ?? []).map((value, index): [SourcePath, unknown] => [['examples', index], value]);
  return 'default' in property ? [[['default'], property.default], ...examples] : examples;
}

function checkBatchAxis(inputs: readonly TensorInfo[], fail: (path: SourcePath, message: string) => Error): void {
  for (const info of inputs) {
    const [rows] = info.shape;
    if (typeof rows !== 'number' || rows === 1) continue;
    throw fail(
      ['inputs', info.name],
      `the graph takes exactly ${String(rows)} rows at once (${describeTensor(info)}): export it with a dynamic batch axis`,
    );
  }
}
