import { type Contract } from './contract.ts';

interface Application {
  age: unknown;
  income: unknown;
  credit_score: unknown;
  employment_years: unknown;
  employment_type: unknown;
  debt_to_income?: unknown;
}

export const CREDIT_RISK: Contract = {
  input: 'features',
  columns: 9,
  output: 'probabilities',
  scores: 2,
  encode,
  answer,
};

function encode(row: unknown, data: Float32Array, offset: number): string | undefined {
  if (typeof row !== 'object' || row === null) return 'the row must be an object';
  const { age, income, credit_score, employment_years, employment_type, debt_to_income } = row as Application;
  if (!isInteger(age, 18, 100)) return 'age must be an integer from 18 to 100';
  if (typeof income !== 'number' || !(income > 0 && income <= 1_000_000))
    return 'income must be a number above 0, up to 1000000';
  if (!isInteger(credit_score, 300, 850)) return 'credit_score must be an integer from 300 to 850';
  if (!isInteger(employment_years, 0, 50)) return 'employment_years must be an integer from 0 to 50';
  const debt = debt_to_income ?? 0;
  if (typeof debt !== 'number' || !(debt >= 0 && debt <= 1)) return 'debt_to_income must be a number from 0 to 1';
  const job = employment(employment_type);
  if (job === -1) return 'employment_type must be full_time, part_time, self_employed or unemployed';
  data[offset] = age;
  data[offset + 1] = income;
  data[offset + 2] = credit_score;
  data[offset + 3] = employment_years;
  for (let column = 0; column < 4; column++) data[offset + 4 + column] = column === job ? 1 : 0;
  data[offset + 8] = debt;
  return undefined;
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function employment(type: unknown): number {
  switch (type) {
    case 'full_time':
      return 0;
    case 'part_time':
      return 1;
    case 'self_employed':
      return 2;
    case 'unemployed':
      return 3;
    default:
      return -1;
  }
}

function answer(scores: Float32Array, offset: number, timestamp: string): string | undefined {
  const probability = scores[offset + 1] as number;
  if (!Number.isFinite(probability)) return undefined;
  const label = probability >= 0.5 ? 'approved' : 'declined';
  return `{"prediction":${probability},"probability":${probability},"prediction_class":"${label}","model_version":"1.0.0","timestamp":"${timestamp}"}`;
}
