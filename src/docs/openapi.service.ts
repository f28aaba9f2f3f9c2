import { type INestApplication, Injectable } from '@nestjs/common';
import { type OpenAPIObject } from '@nestjs/swagger';
import { type Caller } from '../common/caller.js';
import { RELEASE } from '../common/release.js';
import { Settings } from '../config/settings.js';
import { ProblemDto } from '../http/problem.dto.js';
import { decorate } from '../openapi/decorators.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { withAccess } from './access-operations.js';
import { closeBodies } from './close-bodies.js';
import { withModelOperations } from './model-operations.js';
import { namePathParameters } from './path-parameters.js';
import { withServerAnswers } from './server-answers.js';

/** The OpenAPI document of what is served right now. */
@Injectable()
export class OpenApiService {
  private base: Promise<OpenAPIObject> | undefined;
  private made: { revision: number; document: OpenAPIObject } | undefined;

  constructor(
    private readonly registry: ModelRegistry,
    private readonly settings: Settings,
  ) {}

  /**
   * The document of what a caller may see. That of all models is made anew only when what is served has changed; the
   * application's routes are read by the first call.
   */
  async document(app: INestApplication, caller: Caller): Promise<OpenAPIObject> {
    const base = await (this.base ??= this.describeRoutes(app));
    const { revision, defaultModel } = this.registry;
    if (caller.principal?.models) return withModelOperations(base, this.registry.visibleTo(caller), defaultModel);
    if (this.made?.revision !== revision) {
      this.made = { revision, document: withModelOperations(base, this.registry.list(), defaultModel) };
    }
    return this.made.document;
  }

  private async describeRoutes(app: INestApplication): Promise<OpenAPIObject> {
    const document = withServerAnswers(await describeRoutes(app), this.settings);
    namePathParameters(document);
    closeBodies(document, this.settings);
    return withAccess(document, this.settings);
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
    .setVersion(RELEASE)
    .build();
  return swagger.SwaggerModule.createDocument(app, config, { extraModels: [ProblemDto] });
}
