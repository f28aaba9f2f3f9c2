import { MIXED_FEATURES } from '../setup/mixed-models.ts';
import { MLP_FILE } from '../setup/models.ts';
import { creditRiskRow } from './credit-risk-rows.ts';

/** What a server serves; `mixed` is a tiny model beside a slow one, `wide` models of 1,024 floats that do nearly nothing. */
export type Served = 'credit-risk' | 'mlp' | 'mixed' | 'wide';

/** A request that a server answers once it is up. JSON, where its headers do not say otherwise. */
export interface ServedRequest {
  model: Served;
  path: string;
  body: string | Uint8Array<ArrayBuffer>;
  headers?: Readonly<Record<string, string>>;
  /** true asks over gRPC: the path is a method's, and the body its encoded message. Without it: over HTTP. */
  isGrpc?: true;
}

/** A request that is asked again and again. */
export interface RepeatedRequest extends ServedRequest {
  /** Also the name of the file that it is kept in for the load generator. */
  name: string;
  /** Connections that it is asked on; CONNECTIONS without it. */
  connections?: number;
  /** What else wrk's script says of the requests; only wrk asks such a scenario. */
  lua?: string;
}

export const JSON_HEADERS = { 'Content-Type': 'application/json' };

/** A request that is asked of every lane that serves its model. */
export interface Scenario extends RepeatedRequest {
  title: string;
  body: string;
  /** The numbers in an answer that every lane must agree on. */
  numbers: (answer: unknown) => number[];
  /** A model that is also measured by itself, in batches of so many rows. */
  loop?: { file: string; rows: number };
}

interface Answer {
  prediction: number;
  probability: number;
}

const MLP_FEATURES = 1024;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'row',
    title: 'One credit-risk row',
    model: 'credit-risk',
    path: '/predict',
    body: JSON.stringify(creditRiskRow(0)),
    numbers: (answer) => [(answer as Answer).probability],
  },
  {
    name: 'batch',
    title: 'A batch of 100 credit-risk rows',
    model: 'credit-risk',
    path: '/predict/batch',
    body: JSON.stringify({ requests: Array.from({ length: 100 }, (_, index) => creditRiskRow(index)) }),
    numbers: (answer) => (answer as { predictions: Answer[] }).predictions.map(({ probability }) => probability),
  },
  {
    name: 'mlp',
    title: 'An MLP of 6 × 1,024 units, 1,024 floats in JSON',
    model: 'mlp',
    path: '/predict',
    // Seven decimals, about what a float32 holds, and the same ones every time.
    body: JSON.stringify({
      x: Array.from({ length: MLP_FEATURES }, (_, index) => Number(Math.sin(index * 12.9898).toFixed(7))),
    }),
    numbers: (answer) => [(answer as Answer).prediction],
    loop: { file: MLP_FILE, rows: 32 },
  },
];

/** One row of the slow model. */
export const SLOW_ROW = {
  model: 'mixed',
  path: '/v1/models/slow/predict',
  body: JSON.stringify({ x: Array.from({ length: MIXED_FEATURES }, (_, index) => Math.sin(index)) }),
} as const satisfies ServedRequest;
