import { Module } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { RegistryModule } from '../registry/registry.module.js';
import { OpenApiService } from './openapi.service.js';
import { serveRedoc } from './redoc.js';

/** /docs, /redoc, /openapi.json and /openapi.yaml, with all assets from this server. */
@Module({ imports: [RegistryModule], providers: [OpenApiService] })
export class DocsModule {
  static setup(app: NestExpressApplication): void {
    const openApi = app.get(OpenApiService);
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
