import { type Answer, type HttpClient, type Question } from './http-client.ts';

/** A question, and the prediction of each of its rows. */
export interface KnownQuestion extends Question {
  wanted: readonly number[];
}

interface KnownRow {
  features: unknown;
  wanted: number;
}

/** How much a shared run may differ from a lone one: a product is summed up in another order. */
const TOLERANCE = 1e-5;
/** Rows whose answers are closer than this could pass for one another. */
const APART = 10 * TOLERANCE;

/** Rows of one model, each of which was asked alone of a server that had nothing else to do. */
export class KnownRows {
  private readonly path: string;
  private readonly rows: readonly KnownRow[];

  private constructor(path: string, rows: readonly KnownRow[]) {
    this.path = path;
    this.rows = rows;
  }

  /**
   * Asks each row alone, one after the other. Of rows that are answered alike only one is kept.
   *
   * @throws Error when a row is not answered
   */
  static async learn(client: HttpClient, model: string, candidates: readonly unknown[]): Promise<KnownRows> {
    const path = `/v1/models/${model}`;
    const rows: KnownRow[] = [];
    for (const features of candidates) {
      const answer = await client.ask({ method: 'POST', path: `${path}/predict`, body: JSON.stringify(features) });
      const [wanted] = predictionsIn(answer);
      if (answer.status !== 200 || wanted === undefined)
        throw new Error(`${model} answers ${answer.status}: ${answer.text}`);
      if (rows.every((row) => Math.abs(row.wanted - wanted) > APART)) rows.push({ features, wanted });
    }
    return new KnownRows(path, rows);
  }

  single(): KnownQuestion {
    return toSingle(this.path, this.any());
  }

  batch(size: number): KnownQuestion {
    const rows = Array.from({ length: size }, () => this.any());
    return {
      method: 'POST',
      path: `${this.path}/predict/batch`,
      body: JSON.stringify({ requests: rows.map(({ features }) => features) }),
      wanted: rows.map(({ wanted }) => wanted),
    };
  }

  /** Each row by itself. */
  all(): KnownQuestion[] {
    return this.rows.map((row) => toSingle(this.path, row));
  }

  private any(): KnownRow {
    return this.rows[Math.floor(Math.random() * this.rows.length)] as KnownRow;
  }
}

function toSingle(path: string, { features, wanted }: KnownRow): KnownQuestion {
  return { method: 'POST', path: `${path}/predict`, body: JSON.stringify(features), wanted: [wanted] };
}

/** Whether an answer with status 200 is that of the question's own rows. */
export function isRight(answer: Answer, { wanted }: KnownQuestion): boolean {
  const seen = predictionsIn(answer);
  return (
    seen.length === wanted.length &&
    seen.every((value, index) => Math.abs(value - (wanted[index] as number)) <= TOLERANCE)
  );
}

function predictionsIn({ text }: Answer): number[] {
  try {
    const body = JSON.parse(text) as { prediction?: number; predictions?: { prediction: number }[] };
    return body.predictions?.map(({ prediction }) => prediction) ?? [body.prediction as number];
  } catch {
    return [];
  }
}
