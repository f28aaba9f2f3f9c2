import { Module, type OnModuleInit } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { stringify } from 'yaml';
import { RegistryModule } from '../registry/registry.module.js';
import { AccessGuard } from '../security/auth/access.guard.js';
import { SecurityModule } from '../security/security.module.js';
import { RequestContext } from '../common/request-context.js';
import { OpenApiService } from './openapi.service.js';
import { servePages } from './pages.js';

/** /docs, /redoc, /openapi.json and /openapi.yaml, with all assets from this server. */
@Module({ imports: [RegistryModule, SecurityModule], providers: [OpenApiService] })
export class DocsModule implements OnModuleInit {
  private app: NestExpressApplication | undefined;

  constructor(
    private readonly openApi: OpenApiService,
    private readonly access: AccessGuard,
  ) {}

  /** Has the pages served from this application, once it initialises. */
  serveFrom(app: NestExpressApplication): void {
    this.app = app;
  }

  /** By now the controllers' routes are there, and come before these: a prediction does not pass ten pages first. */
  onModuleInit(): void {
    const { app, openApi, access } = this;
    if (!app) return;
    const express = app.getHttpAdapter().getInstance();
    const before = access.before({ scope: 'read', area: 'docs' });
    express.get('/openapi.json', ...before, async (request, response) => {
      response.json(await openApi.document(app, RequestContext.of(request)));
    });
    express.get('/openapi.yaml', ...before, async (request, response) => {
      const document = await openApi.document(app, RequestContext.of(request));
      response.type('text/yaml').send(stringify(document, { aliasDuplicateObjects: false }));
    });
    servePages(express, before);
  }
}
