import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { type DecisionsTable } from '../database/tables.js';
import { type Decision, DECISION_KINDS, type DecisionKey, type DecisionKind, DecisionStore } from './decisions.js';

/** Decisions kept in the database. */
@Injectable()
export class KeptDecisions extends DecisionStore {
  constructor(private readonly database: Database) {
    super();
  }

  async read(): Promise<readonly Decision[]> {
    const rows = await this.database.execute<DecisionsTable>(
      'select model, kind, name, value, at, who from decisions order by at',
    );
    // A kind that is not known here is that of a later release, whose replicas share the database.
    return rows.flatMap(({ kind, who, ...row }) => (isKind(kind) ? [{ ...row, kind, who: who ?? 'unknown' }] : []));
  }

  async put({ model, kind, name, value, at, who }: Decision): Promise<void> {
    await this.database.run((query) =>
      query
        .insertInto('decisions')
        .values({ model, kind, name, value, at, who })
        .onConflict((conflict) => conflict.columns(['model', 'kind', 'name']).doUpdateSet({ value, at, who }))
        .execute(),
    );
  }

  async remove({ model, kind, name }: DecisionKey): Promise<void> {
    await this.database.run((query) =>
      query
        .deleteFrom('decisions')
        .where('model', '=', model)
        .where('kind', '=', kind)
        .where('name', '=', name)
        .execute(),
    );
  }
}

function isKind(kind: string): kind is DecisionKind {
  return (DECISION_KINDS as readonly string[]).includes(kind);
}
