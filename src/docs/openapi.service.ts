import { readFileSync } from 'node:fs';
import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ProblemDto } from '../http/problem.dto.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { withModelOperations } from './model-operations.js';

/** The OpenAPI document of what is served right now. */
@Injectable()
export class OpenApiService {
  private base: OpenAPIObject | undefined;
  private made: { revision: number; document: OpenAPIObject } | undefined;

  constructor(private readonly registry: ModelRegistry) {}

  /** Reads the routes of the application; to be called once, before the first `document`. */
  scan(app: INestApplication): void {
    const config = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('Nestor')
      .setDescription('Typed, validated, versioned predictions from a folder of ONNX models.')
      .setVersion(packageVersion())
      .build();
    this.base = SwaggerModule.createDocument(app, config, { extraModels: [ProblemDto] });
  }

  /** Made anew only when what is served has changed. */
  document(): OpenAPIObject {
    if (!this.base) throw new Error('scan() has not been called');
    const { revision, defaultModel } = this.registry;
    if (this.made?.revision !== revision) {
      this.made = { revision, document: withModelOperations(this.base, this.registry.list(), defaultModel) };
    }
    return this.made.document;
  }
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
