import { type INestApplication, Injectable } from '@nestjs/common';
import { type OpenAPIObject } from '@nestjs/swagger';
import { packageVersion } from '../common/package-version.js';
import { ProblemDto } from '../http/problem.dto.js';
import { decorate } from '../openapi/decorators.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { withModelOperations } from './model-operations.js';

/** The OpenAPI document of what is served right now. */
@Injectable()
export class OpenApiService {
  private base: Promise<OpenAPIObject> | undefined;
  private made: { revision: number; document: OpenAPIObject } | undefined;

  constructor(private readonly registry: ModelRegistry) {}

  /** Made anew only when what is served has changed; the application's routes are read by the first call. */
  async document(app: INestApplication): Promise<OpenAPIObject> {
    const base = await (this.base ??= describeRoutes(app));
    const { revision, defaultModel } = this.registry;
    if (this.made?.revision !== revision) {
      this.made = { revision, document: withModelOperations(base, this.registry.list(), defaultModel) };
    }
    return this.made.document;
  }
}

/** Loads @nestjs/swagger: see `openapi/decorators.ts`. */
async function describeRoutes(app: INestApplication): Promise<OpenAPIObject> {
  const swagger = await import('@nestjs/swagger');
  decorate(swagger);
  const config = new swagger.DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Nestor')
    .setDescription('Typed, validated, versioned predictions from a folder of ONNX models.')
    .setVersion(packageVersion())
    .build();
  return swagger.SwaggerModule.createDocument(app, config, { extraModels: [ProblemDto] });
}
