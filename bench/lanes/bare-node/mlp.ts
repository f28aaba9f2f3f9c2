import { type Contract } from './contract.ts';

const COLUMNS = 1024;

export const MLP: Contract = { input: 'x', columns: COLUMNS, output: 'y', scores: 1, encode, answer };

function encode(row: unknown, data: Float32Array, offset: number): string | undefined {
  const x = typeof row === 'object' && row !== null ? (row as { x?: unknown }).x : undefined;
  if (!Array.isArray(x) || x.length !== COLUMNS) return `x must be a list of ${COLUMNS} numbers`;
  for (let column = 0; column < COLUMNS; column++) {
    const value: unknown = x[column];
    if (typeof value !== 'number') return `x must be a list of ${COLUMNS} numbers`;
    data[offset + column] = value;
  }
  return undefined;
}

function answer(scores: Float32Array, offset: number, timestamp: string): string | undefined {
  const value = scores[offset] as number;
  if (!Number.isFinite(value)) return undefined;
  return `{"prediction":${value},"probability":null,"prediction_class":null,"model_version":"1.0.0","timestamp":"${timestamp}"}`;
}
