import { AggregatorRegistry } from 'prom-client';
import { type Figures } from '../metrics/metrics.js';

/** What only ever grows: it is kept when its process has ended, or a rate over it would jump. */
const GROWING = new Set(['counter', 'histogram']);

/** What workers have counted that are no more. */
export class Retired {
  private figures: Figures = [];

  async add(figures: Figures): Promise<void> {
    this.figures = await addUp([this.figures, growing(figures)]).getMetricsAsJSON();
  }

  get all(): Figures {
    return this.figures;
  }
}

/** Several processes' figures as one, each by its metric's own rule. */
export function addUp(all: readonly Figures[]) {
  return AggregatorRegistry.aggregate([...all]);
}

export function growing(figures: Figures): Figures {
  return figures.filter(({ type }) => GROWING.has(String(type)));
}
