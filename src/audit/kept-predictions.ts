import { Injectable } from '@nestjs/common';
import { type Selectable } from 'kysely';
import { Database } from '../database/database.js';
import { type PredictionsTable } from '../database/tables.js';
import { PredictionLog } from './prediction-log.js';

const COLUMNS = [
  'id', 'answer', 'row', 'request_id', 'at', 'model', 'version', 'digest',
  'features', 'prediction', 'duration', 'cached', 'who',
] as const; // prettier-ignore

type KeptRow = Pick<Selectable<PredictionsTable>, (typeof COLUMNS)[number]>;

export interface KeptPrediction extends KeptRow {
  id: number;
}

/** A page of what was kept of a request. */
export interface RequestPage {
  limit: number;
  /** `id` of the last one that was read. */
  after?: number | undefined;
}

/** A page of what was kept of a model. */
export interface ModelPage {
  limit: number;
  /** `id` of the last one that was read. */
  before?: number | undefined;
  /** From then on, and before then: ISO 8601 in UTC, as `at`. */
  since?: string | undefined;
  until?: string | undefined;
}

/** Reads the prediction log, with all that this process has taken down so far. */
@Injectable()
export class KeptPredictions {
  constructor(
    private readonly log: PredictionLog,
    private readonly database: Database,
  ) {}

  /**
   * What was kept of a request, in the order in which it was kept. Several clients may have sent the same id: then all
   * of their predictions.
   *
   * @param among only those of models among these
   * @throws DomainError `dependency_unavailable`
   */
  async ofRequest(id: string, { limit, after = 0 }: RequestPage, among?: readonly string[]): Promise<KeptPrediction[]> {
    await this.log.flush();
    const rows = await this.database.run((query) =>
      query
        .selectFrom('predictions')
        .select(COLUMNS)
        .where('request_id', '=', id)
        .where('id', '>', after)
        .$if(among !== undefined, (some) => some.where('model', 'in', [...(among ?? [])]))
        .orderBy('id')
        .limit(limit)
        .execute(),
    );
    return rows.map(withNumber);
  }

  /**
   * What was kept of a model, from the newest on.
   *
   * @throws DomainError `dependency_unavailable`
   */
  async ofModel(model: string, { limit, before, since, until }: ModelPage): Promise<KeptPrediction[]> {
    await this.log.flush();
    const rows = await this.database.run((query) => {
      let found = query.selectFrom('predictions').select(COLUMNS).where('model', '=', model);
      if (since !== undefined) found = found.where('at', '>=', since);
      if (until !== undefined) found = found.where('at', '<', until);
      if (before !== undefined)
        found = found.where((where) => {
          const last = where.selectFrom('predictions').select(['at', 'id']).where('id', '=', before);
          return where.eb(where.refTuple('at', 'id'), '<', last.$asTuple('at', 'id'));
        });
      return found.orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute();
    });
    return rows.map(withNumber);
  }
}

function withNumber(row: KeptRow): KeptPrediction {
  return { ...row, id: Number(row.id) };
}
