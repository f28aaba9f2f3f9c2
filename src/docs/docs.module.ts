import { Module, type OnModuleInit } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { stringify } from 'yaml';
import { RegistryModule } from '../registry/registry.module.js';
import { OpenApiService } from './openapi.service.js';
import { servePages } from './pages.js';

/** /docs, /redoc, /openapi.json and /openapi.yaml, with all assets from this server. */
@Module({ imports: [RegistryModule], providers: [OpenApiService] })
export class DocsModule implements OnModuleInit {
  private app: NestExpressApplication | undefined;

  constructor(private readonly openApi: OpenApiService) {}

  /** Has the pages served from this application, once it initialises. */
  serveFrom(app: NestExpressApplication): void {
    this.app = app;
  }

  /** By now the controllers' routes are there, and come before these: a prediction does not pass ten pages first. */
  onModuleInit(): void {
    const { app, openApi } = this;
    if (!app) return;
    const express = app.getHttpAdapter().getInstance();
    express.get('/openapi.json', async (_request, response) => {
      response.json(await openApi.document(app));
    });
    express.get('/openapi.yaml', async (_request, response) => {
      response.type('text/yaml').send(stringify(await openApi.document(app), { aliasDuplicateObjects: false }));
    });
    servePages(express);
  }
}
