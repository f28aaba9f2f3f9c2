import { Module, type OnModuleInit } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { RegistryModule } from '../registry/registry.module.js';
import { OpenApiService } from './openapi.service.js';
import { serveRedoc } from './redoc.js';

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
    openApi.scan(app);
    const document = () => openApi.document();
    SwaggerModule.setup('docs', app, document, {
      jsonDocumentUrl: 'openapi.json',
      yamlDocumentUrl: 'openapi.yaml',
      customSiteTitle: 'Nestor API',
      // The registry changes while the service runs: each request gets the document of now.
      patchDocumentOnRequest: document,
      swaggerOptions: { validatorUrl: null, tryItOutEnabled: true },
    });
    serveRedoc(app);
  }
}
