import { type Graph, type Session } from '../session.js';
import { type Tensor, type TensorData, type Tensors } from '../tensor.js';
import { type SampleRow, seeded, stack, vary } from './sample-rows.js';

/** What a run's own rounding may change, by how many rows it holds: see docs/signature.md. */
const ABSOLUTE = 1e-6;
const RELATIVE = 1e-5;
/** Rows of a run, in the order in which they are tried. */
const SIZES = [2, 3, 7, 16, 33, 5];
const ROWS = 12;
const FEWEST_ROWS = 3;
/** Milliseconds that a trial may take; a slow model is tried with fewer rows, and at least with two and with three. */
const BUDGET_MS = 1000;

/**
 * Tries whether rows answer alone as they do together: with other companions, in another order, in runs of several
 * sizes. It cannot prove that they always do (that is the graph's part), but it sees what a proof cannot: an operator
 * that does otherwise than its name says.
 *
 * @param samples rows that the model takes; more are made from them
 * @returns why rows must not share a run, or undefined when nothing speaks against it
 */
export async function tryTogether(
  session: Session,
  graph: Graph,
  samples: readonly SampleRow[],
  fetches: readonly string[],
): Promise<string | undefined> {
  const random = seeded(samples.length);
  const started = performance.now();
  const spent = () => performance.now() - started;
  const known: { row: SampleRow; alone: Tensors }[] = [];
  for (const row of [...samples.slice(0, ROWS / 2), ...vary(samples, ROWS, random)]) {
    if (known.length === ROWS || (known.length >= FEWEST_ROWS && spent() > BUDGET_MS / 4)) break;
    const alone = await runOrNothing(session, graph, [row], fetches);
    if (alone) known.push({ row, alone });
  }
  if (known.length < FEWEST_ROWS) return 'it was not tried out: the model refuses most of the rows that were made up';
  for (const [index, size] of SIZES.entries()) {
    if (index >= 2 && spent() > BUDGET_MS) break;
    const group = Array.from({ length: size }, () => known[Math.floor(random() * known.length)] as (typeof known)[0]);
    for (const order of [group, group.toReversed()]) {
      const together = await runOrNothing(session, graph, order.map(({ row }) => row), fetches); // prettier-ignore
      if (!together) return `a run of ${size} rows fails, each of which is answered alone`;
      const different = firstDifference(order.map(({ alone }) => alone), together, fetches); // prettier-ignore
      if (different !== undefined) return `"${different}" is another one alone than in a run of ${size} rows`;
    }
  }
  return undefined;
}

async function runOrNothing(
  session: Session,
  graph: Graph,
  rows: readonly SampleRow[],
  fetches: readonly string[],
): Promise<Tensors | undefined> {
  try {
    const { outputs } = await session.run(stack(graph, rows), fetches);
    return outputs;
  } catch {
    return undefined; // made-up rows may be ones that the model rightly refuses
  }
}

/** The output in which some row of a run differs from the same row alone. */
function firstDifference(alone: readonly Tensors[], together: Tensors, fetches: readonly string[]): string | undefined {
  return fetches.find((name) => {
    const { data, dims } = together.get(name) as Tensor;
    if (dims[0] !== alone.length) return true;
    const size = data.length / alone.length;
    return alone.some((outputs, row) => !isSame((outputs.get(name) as Tensor).data, data, row * size, size));
  });
}

function isSame(alone: TensorData, together: TensorData, offset: number, size: number): boolean {
  if (alone.length !== size) return false;
  for (let index = 0; index < size; index++) {
    const one = alone[index];
    const other = together[offset + index];
    if (Object.is(one, other) || one === other) continue;
    if (typeof one !== 'number' || typeof other !== 'number') return false;
    if (!(Math.abs(one - other) <= ABSOLUTE + RELATIVE * Math.abs(one))) return false;
  }
  return true;
}
