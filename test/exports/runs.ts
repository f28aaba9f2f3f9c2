import { InferenceSession, Tensor } from 'onnxruntime-node';

/** Rows of one input: each is flat, of the row's shape. */
export interface Rows {
  type: string;
  shape: readonly number[];
  rows: readonly (readonly (number | string)[])[];
}

export type Batch = Readonly<Record<string, Rows>>;

/** The values of one output, row after row, and how many rows there are. */
interface Result {
  rows: number;
  shape: readonly number[];
  values: readonly (number | string)[];
}

type Results = ReadonlyMap<string, Result>;

/** Loads a model, and compares what it says of rows alone, together, and in another order. */
export class Trial {
  private constructor(
    private readonly session: InferenceSession,
    private readonly outputs: readonly string[],
  ) {}

  static async of(bytes: Uint8Array): Promise<Trial> {
    const session = await InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    return new Trial(
      session,
      session.outputMetadata.filter(({ isTensor }) => isTensor).map(({ name }) => name),
    );
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  /**
   * The first difference, or undefined where all agree. A run that fails is one, too, unless there is a row in it
   * that fails alone. Numbers may differ by `tolerance`, and by ten times as much of themselves.
   */
  async difference(batch: Batch, tolerance = 1e-6): Promise<string | undefined> {
    const count = Object.values(batch)[0]?.rows.length ?? 0;
    const all = Array.from({ length: count }, (_, row) => row);
    const orders = [
      all,
      [...all].reverse(),
      all.slice(1),
      ...all.map((row) => [row, all[(row + 1) % count] as number]),
    ];
    const alone = await Promise.all(all.map((row) => this.run(batch, [row])));
    for (const order of orders) {
      const together = await this.run(batch, order);
      for (const [place, row] of order.entries()) {
        if (!together && order.some((one) => !alone[one])) continue;
        const problem = differs(together, alone[row], place, order.length, tolerance);
        if (problem) return `rows ${order.join(', ')}: row ${row} alone: ${problem}`;
      }
    }
    return undefined;
  }

  /** Whether all rows can be run together. */
  async runs(batch: Batch): Promise<boolean> {
    const count = Object.values(batch)[0]?.rows.length ?? 0;
    return (
      (await this.run(
        batch,
        Array.from({ length: count }, (_, row) => row),
      )) !== undefined
    );
  }

  /** Undefined: the run failed. */
  private async run(batch: Batch, order: readonly number[]): Promise<Results | undefined> {
    const feeds = Object.fromEntries(Object.entries(batch).map(([name, rows]) => [name, toTensor(rows, order)]));
    try {
      const results = await this.session.run(feeds, [...this.outputs]);
      return new Map(this.outputs.map((name) => [name, toResult(results[name] as Tensor)]));
    } catch {
      return undefined;
    }
  }
}

function differs(
  together: Results | undefined,
  alone: Results | undefined,
  place: number,
  count: number,
  tolerance: number,
): string | undefined {
  if (!together || !alone) return 'fails';
  for (const [name, { shape, rows, values }] of together) {
    const own = alone.get(name) as Result;
    const size = values.length / rows;
    const part = values.slice(place * size, (place + 1) * size);
    if (rows !== count) return `${name} has ${rows} rows`;
    if (own.rows !== 1 || shape.slice(1).join() !== own.shape.slice(1).join()) return `${name} has another shape`;
    if (!part.every((value, index) => close(value, own.values[index] as number, tolerance)))
      return `${name} is ${part.join()}, not ${own.values.join()}`;
  }
  return undefined;
}

function close(a: number | string, b: number | string, tolerance: number): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return Object.is(a, b) || a === b || Math.abs(a - b) <= tolerance * (1 + 10 * Math.abs(b));
}

function toTensor({ type, shape, rows }: Rows, order: readonly number[]): Tensor {
  const values = order.flatMap((row) => rows[row] ?? []);
  const dims = [order.length, ...shape];
  switch (type) {
    case 'string':
      return new Tensor('string', values.map(String), dims);
    case 'int64':
      return new Tensor('int64', BigInt64Array.from(values.map((value) => BigInt(value))), dims);
    case 'bool':
      return new Tensor('bool', Uint8Array.from(values.map(Number)), dims);
    case 'float64':
      return new Tensor('float64', Float64Array.from(values.map(Number)), dims);
    default:
      return new Tensor('float32', Float32Array.from(values.map(Number)), dims);
  }
}

function toResult({ dims, data }: Tensor): Result {
  const values = Array.from(data as ArrayLike<number | bigint | string>, (value) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
  return { rows: dims[0] ?? 0, shape: dims, values };
}
