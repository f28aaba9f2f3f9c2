import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { Metrics } from '../metrics/metrics.js';
import { type Decided, Peers } from '../registry/peers.js';
import { type VersionFigures } from '../registry/version-statistics.js';
import { type TakenRows, Siblings } from '../security/limits/siblings.js';
import { type Link, link } from './link.js';

/** Makes one service of several processes: what changes in one changes in all, and /metrics adds them up. */
@Global()
@Module({
  providers: [
    {
      provide: Peers,
      useFactory: (): Peers => (link ? new WorkerPeers(link) : ALONE),
    },
    { provide: Siblings, useFactory: () => link && new WorkerSiblings(link) },
  ],
  exports: [Peers, Siblings],
})
export class ClusterModule implements OnModuleInit {
  constructor(private readonly metrics: Metrics) {}

  onModuleInit(): void {
    const primary = link?.primary;
    if (primary) this.metrics.shownBy(() => primary.ask('page', []));
  }
}

const ALONE: Peers = {
  adopt: () => Promise.resolve(),
  statistics: (own) => Promise.resolve(own),
};

class WorkerPeers implements Peers {
  constructor(private readonly link: Link) {}

  async adopt(decided: Decided): Promise<void> {
    try {
      await this.link.primary.ask('adoptAll', [decided]);
    } catch (cause) {
      const message = 'The change is kept, but a worker process has not taken it over yet: look again later.';
      throw new DomainError('deadline_exceeded', message, { cause });
    }
  }

  statistics(): Promise<readonly VersionFigures[]> {
    return this.link.primary.ask('statistics', []);
  }
}

class WorkerSiblings extends Siblings {
  constructor(private readonly link: Link) {
    super();
  }

  tell(taken: TakenRows): void {
    this.link.primary.tell('countRowsElsewhere', taken);
  }
}
