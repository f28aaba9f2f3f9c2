import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type MethodDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

const { resolve } = createRequire(import.meta.url);

const INFERENCE = join(import.meta.dirname, '../open-inference/grpc/inference.proto');
/** As the package has it. Its code is left out: it would load a second loader. */
const HEALTH = resolve('grpc-health-check/proto/health/v1/health.proto');

/** Names as the protocol writes them; numbers of 64 bits as numbers, since those that are sent this way stay below 2^53. */
export function loadProtocols(): PackageDefinition {
  return loadSync([INFERENCE, HEALTH], { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true });
}

/** The methods of a service by their names. */
export type Service = Readonly<Record<string, MethodDefinition<object, object>>>;

export function serviceOf(protocols: PackageDefinition, name: string): Service {
  return protocols[name] as unknown as Service;
}
