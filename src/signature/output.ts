import { didYouMean } from '../common/did-you-mean.js';
import { type SourcePath } from '../common/source-file.js';
import { type Graph } from '../inference/session.js';
import { describeTensor, type Tensor, type TensorInfo, type Tensors } from '../inference/tensor.js';
import { nestedRow, numberAt, valueAt } from './elements.js';
import { type Prediction } from './prediction.js';
import { planScoreCheck, type ScoreCheck } from './score-check.js';
import { type OutputSpec } from './signature-file.js';

/** How a graph's outputs become predictions. */
export interface OutputPlan {
  task: OutputSpec['task'];
  /** The graph outputs to fetch. */
  fetches: readonly string[];
  classes?: readonly string[];
  /** Values that each row must have in the first fetched output; undefined where any number will do. */
  width?: number;
  /** @throws NonFiniteOutput */
  decode: (outputs: Tensors, row: number) => Prediction;
  /** binary and multiclass: whether the scores and their order are what the signature says. */
  check?: ScoreCheck;
}

type Fail = (path: SourcePath, message: string) => Error;

/** Which settings of `output` speak to which task. */
const SETTINGS_OF: Record<OutputSpec['task'], (keyof OutputSpec)[]> = {
  binary: ['scores', 'positive', 'classes', 'threshold'],
  multiclass: ['scores', 'classes'],
  regression: ['scores'],
  raw: [],
};

/**
 * Plans how the graph's outputs become predictions.
 *
 * @param fail makes the error that names the line of signature.yaml
 */
export function planOutput(graph: Graph, spec: OutputSpec, fail: Fail): OutputPlan {
  for (const key of Object.keys(spec) as (keyof OutputSpec)[]) {
    if (key !== 'task' && !SETTINGS_OF[spec.task].includes(key))
      throw fail([key], `says nothing to the task ${spec.task}`);
  }
  if (spec.task === 'raw') return planRaw(graph);
  const scores = scoresOf(graph, spec, fail);
  const width = widthOf(scores);
  switch (spec.task) {
    case 'binary':
      return planBinary(graph, scores, width, spec, fail);
    case 'multiclass':
      return planMulticlass(graph, scores, width, spec, fail);
    case 'regression':
      if ((width ?? 1) !== 1)
        throw fail(['scores'], `regression takes one value a row, and ${describe(scores)} gives ${String(width)}`);
      return { ...plan(spec, scores, 1), decode: decodeRegression(scores.name) };
    default:
      return spec.task satisfies never;
  }
}

function planBinary(
  { outputs }: Graph,
  scores: TensorInfo,
  width: number | undefined,
  spec: OutputSpec,
  fail: Fail,
): OutputPlan {
  if (width !== undefined && width > 2)
    throw fail(['scores'], `binary takes one or two columns, and ${describe(scores)} has ${String(width)}`);
  const classes = spec.classes ?? ['0', '1'];
  if (classes.length !== 2) throw fail(['classes'], `binary has two classes, not ${String(classes.length)}`);
  const columns = width ?? 2;
  if (columns === 1 && spec.positive !== undefined) {
    throw fail(['positive'], `${describe(scores)} has one column, which is the probability of the second class`);
  }
  const positive = spec.positive ?? 1;
  const threshold = spec.threshold ?? 0.5;
  const [yes, no] = [classes[positive], classes[1 - positive]] as [string, string];
  const decode = (outputs: Tensors, row: number): Prediction => {
    const index = columns === 1 ? row : row * 2 + positive;
    const probability = numberAt(outputs.get(scores.name) as Tensor, index, scores.name);
    return { prediction: probability, probability, prediction_class: probability >= threshold ? yes : no };
  };
  const check = planScoreCheck(outputs, scores, columns, classes, spec, fail);
  return { ...plan(spec, scores, columns), classes, decode, check };
}

function planMulticlass(
  { outputs }: Graph,
  scores: TensorInfo,
  width: number | undefined,
  spec: OutputSpec,
  fail: Fail,
): OutputPlan {
  const count = spec.classes?.length ?? width;
  if (count === undefined)
    throw fail(['classes'], `list the classes: the graph does not say how many ${describe(scores)} has`);
  if (width !== undefined && width !== count) {
    throw fail(['classes'], `${String(count)} classes, and ${describe(scores)} has ${String(width)} columns`);
  }
  const classes = spec.classes ?? Array.from({ length: count }, (_, index) => String(index));
  const check = planScoreCheck(outputs, scores, count, classes, spec, fail);
  return { ...plan(spec, scores, count), classes, decode: decodeMulticlass(scores.name, classes), check };
}

function decodeMulticlass(name: string, classes: readonly string[]) {
  return (outputs: Tensors, row: number): Prediction => {
    const tensor = outputs.get(name) as Tensor;
    const values = classes.map((_, column) => numberAt(tensor, row * classes.length + column, name));
    const best = values.reduce((top, value, column) => (value > (values[top] as number) ? column : top), 0);
    return {
      prediction: best,
      probability: values[best] as number,
      prediction_class: classes[best] as string,
      probabilities: Object.fromEntries(values.map((value, column) => [classes[column], value])) as Record<
        string,
        number
      >,
    };
  };
}

function decodeRegression(name: string) {
  return (outputs: Tensors, row: number): Prediction => ({
    prediction: valueAt(outputs.get(name) as Tensor, row, name) as number,
    probability: null,
    prediction_class: null,
  });
}

function planRaw(graph: Graph): OutputPlan {
  const fetches = graph.outputs.map(({ name }) => name);
  const decode = (outputs: Tensors, row: number): Prediction => {
    const values = fetches.map((name) => nestedRow(outputs.get(name) as Tensor, row, name));
    const single = values.length === 1 ? [values[0]].flat(Infinity) : [];
    return {
      prediction: single.length === 1 && isNumber(single[0]) ? single[0] : null,
      probability: null,
      prediction_class: null,
      outputs: Object.fromEntries(fetches.map((name, index) => [name, values[index]])),
    };
  };
  return { task: 'raw', fetches, decode };
}

/** A number, or the JSON token that `valueAt` makes of a 64-bit integer which no double holds. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' || typeof value === 'object';
}

function plan({ task }: OutputSpec, scores: TensorInfo, width: number) {
  return { task, fetches: [scores.name], width };
}

function scoresOf(graph: Graph, { task, scores }: OutputSpec, fail: Fail): TensorInfo {
  const names = graph.outputs.map(({ name }) => name);
  const wanted = scores ?? (names.length === 1 ? names[0] : undefined);
  if (wanted === undefined)
    throw fail(['task'], `${task} needs \`scores\`: which of the graph's outputs (${names.join(', ')})`);
  if (graph.unsupportedOutputs.includes(wanted)) {
    throw fail(['scores'], `"${wanted}" is a sequence or a map; export the model with options={'zipmap': False}`);
  }
  const info = graph.outputs.find(({ name }) => name === wanted);
  if (!info) {
    const maps = graph.unsupportedOutputs.map(
      (name) => `; "${name}" is a sequence or a map: export with options={'zipmap': False}`,
    );
    throw fail(
      ['scores'],
      `the graph has no output "${wanted}"${didYouMean(wanted, names)} (it has ${names.join(', ')}${maps.join('')})`,
    );
  }
  const numeric =
    task === 'regression' ? info.type !== 'string' && info.type !== 'bool' : info.type.startsWith('float');
  if (!numeric) throw fail(['scores'], `${task} needs numbers, and ${describe(info)} is not`);
  return info;
}

/** Values of a row, where the graph says. */
function widthOf({ shape }: TensorInfo): number | undefined {
  const dims = shape.slice(1);
  if (shape.length === 0 || dims.some((dim) => typeof dim === 'string')) return undefined;
  return (dims as number[]).reduce((product, dim) => product * dim, 1);
}

function describe(info: TensorInfo): string {
  return `"${info.name}" ${describeTensor(info)}`;
}
