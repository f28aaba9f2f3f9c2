import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Logger } from 'nestjs-pino';
import { AppModule } from './app.module.js';
import { type Environment } from './config/read-settings.js';
import { Settings } from './config/settings.js';
import { DocsModule } from './docs/docs.module.js';
import { DirectAdapter } from './http/direct-route.js';
import { Gate } from './http/gate.js';
import { ParserFailures } from './http/parser-failures.js';
import { ServerLimits } from './http/server-limits.js';
import { FrameworkLogger } from './logging/framework-logger.js';
import { SecurityModule } from './security/security.module.js';

/**
 * The whole service, ready to listen.
 *
 * @param environment settings to take in place of the process's environment and `.env`
 * @throws SettingsProblem, RepositoryProblem (the latter once it initialises)
 */
export async function createApp(environment?: Environment): Promise<NestExpressApplication> {
  const adapter = new DirectAdapter();
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(environment), adapter, {
    abortOnError: false,
    bodyParser: false,
    // Ours takes over below; until then a failure is told by whoever called this.
    logger: false,
  });
  app.useLogger(new FrameworkLogger(app.get(Logger)));
  app.disable('x-powered-by');
  // Predictions are not cached by what they look like, and hashing each answer costs 5 % of it.
  app.disable('etag');
  adapter.admits = app.get(Gate).admits;
  const server = app.getHttpServer();
  server.on('clientError', app.get(ParserFailures).answer);
  app.get(ServerLimits).bound(server);
  await app.get(SecurityModule).guard(app);
  if (app.get(Settings).DOCS) app.get(DocsModule).serveFrom(app);
  return app;
}
