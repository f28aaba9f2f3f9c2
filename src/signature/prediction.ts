/** What a model says of one row, in the contract's names. Which fields carry something depends on the task. */
export interface Prediction {
  /**
   * binary: probability of the positive class; multiclass: index of the most probable; regression: the value. Where
   * that is a 64-bit integer which no double holds, its JSON token (JSON.rawJSON).
   */
  prediction: number | null;
  /** Between 0 and 1; null for regression and raw. */
  probability: number | null;
  prediction_class: string | null;
  /** multiclass: probability by class. */
  probabilities?: Record<string, number>;
  /** raw: each output of the graph, as a nested array without its batch axis. */
  outputs?: Record<string, unknown>;
}

/** The model answered with NaN or an infinity, which JSON cannot carry and no client expects. */
export class NonFiniteOutput extends Error {
  constructor(readonly output: string) {
    super(`output "${output}" is not a finite number`);
  }
}
