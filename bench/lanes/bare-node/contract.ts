/** What is particular to one model: how a row becomes columns, and scores an answer. */
export interface Contract {
  /** The ONNX input, `[N, columns]`. */
  input: string;
  columns: number;
  /** The ONNX output, `[N, scores]`. */
  output: string;
  scores: number;
  /**
   * Checks a row and writes its columns.
   *
   * @returns what is wrong with the row, or undefined
   */
  encode: (row: unknown, data: Float32Array, offset: number) => string | undefined;
  /** The JSON text of one row's answer, in ASCII; undefined where a score is no number. */
  answer: (scores: Float32Array, offset: number, timestamp: string) => string | undefined;
}
