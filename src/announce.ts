import { type AddressInfo } from 'node:net';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Logger } from 'nestjs-pino';
import { didYouMean } from './common/did-you-mean.js';
import { SETTING_HINTS } from './config/config.module.js';
import { Settings } from './config/settings.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { type Model } from './registry/model.js';
import { ModelRegistry } from './registry/model-registry.js';
import { Authenticator } from './security/auth/authenticator.js';

/** A longer row (an image, an embedding) is not shown: the documentation has it. */
const MAX_EXAMPLE = 1000;

/** The first lines of a start: what is served, where, and a call that works. */
export function announce(app: NestExpressApplication): void {
  const logger = app.get(Logger);
  const registry = app.get(ModelRegistry);
  const { AUTH, DEFAULT_MODEL, DOCS, REQUIRED_MODELS } = app.get(Settings);
  for (const hint of [...app.get<string[]>(SETTING_HINTS), ...app.get(Authenticator).hints]) logger.warn(hint);
  const names = registry.list().map(({ name }) => name);
  for (const required of REQUIRED_MODELS) {
    if (required !== 'all' && !names.includes(required))
      logger.warn(`REQUIRED_MODELS ${required} is not among the models: not ready${didYouMean(required, names)}`);
  }
  const url = urlOf(app);
  const { defaultModel } = registry;
  logger.log(
    `Serving ${registry
      .list()
      .map((model) => describe(model))
      .join('; ')}`,
  );
  logger.log(`Listening on ${url}${DOCS ? `, documentation at ${url}/docs` : ''}`);
  const grpc = app.get(GrpcServer).address;
  if (grpc) logger.log(`Listening on ${hostOf(grpc)}:${grpc.port} for gRPC`);
  const example = defaultModel?.default?.loaded?.signature?.example;
  if (example && JSON.stringify(example).length <= MAX_EXAMPLE) {
    const key = AUTH === 'on' ? ' -H "X-API-Key: $KEY"' : '';
    logger.log(`Try: ${curl(`${url}/predict`, key, example)}`);
  }
  if (defaultModel) return;
  if (DEFAULT_MODEL !== undefined)
    logger.error(
      `DEFAULT_MODEL ${DEFAULT_MODEL} is not among the models: not ready${didYouMean(DEFAULT_MODEL, names)}`,
    );
  else
    logger.warn(
      'No default model: set DEFAULT_MODEL, or write `primary: true` in one model.yaml; /predict answers 404 until then',
    );
}

function urlOf(app: NestExpressApplication): string {
  const listening = app.getHttpServer().address() as AddressInfo;
  return `http://${hostOf(listening)}:${String(listening.port)}`;
}

/** The host, as it is written before a port, that clients on this machine reach. */
function hostOf({ address, family }: AddressInfo): string {
  const anywhere = address === '0.0.0.0' || address === '::';
  return anywhere ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address;
}

/** `credit-risk 1.0.0 (default), 2.0.0` */
function describe(model: Model): string {
  if (model.problem !== undefined) return `${model.name} (failed)`;
  const versions = model.versions.map((version) => {
    const remark =
      version.state === 'READY' ? (version === model.default ? 'default' : '') : version.state.toLowerCase();
    return version.version + (remark && ` (${remark})`);
  });
  return `${model.name} ${versions.join(', ')}`;
}

/** @param more arguments that it needs besides */
function curl(url: string, more: string, row: object): string {
  return `curl -s ${url}${more} -H 'Content-Type: application/json' -d '${JSON.stringify(row).replaceAll("'", "'\\''")}'`;
}
