import { type Command } from '../harness/processes.ts';
import { type Served } from '../harness/scenario.ts';

/** A server that takes part in a comparison. */
export interface Lane {
  name: string;
  /** One line for the reader of the tables. */
  about: string;
  models: readonly Served[];
  /** Makes or checks what the server needs before it can be started. */
  prepare: () => Promise<void>;
  /** How the server is started for a model, to listen on that port of 127.0.0.1, and where it speaks gRPC on the other. */
  command: (model: Served, port: number, grpcPort: number) => Command;
}
