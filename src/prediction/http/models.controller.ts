import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Get, Param, Post, Req, Res, UseInterceptors } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '../../openapi/decorators.js';
import { Needs } from '../../openapi/needs.js';
import { StoredFeatures } from '../../features/stored-features.js';
import { ApiProblems } from '../../http/api-problems.js';
import { RequestContext } from '../../common/request-context.js';
import { DirectRoute } from '../../http/direct-route.js';
import { LoggingInterceptor } from '../../logging/logging.interceptor.js';
import { ModelRegistry } from '../../registry/model-registry.js';
import { BatchRequestDto, BatchResponseDto } from './batch.dto.js';
import { ModelDto, ModelListDto, VersionDetailsDto } from './model.dto.js';
import { PredictHandler } from './predict.handler.js';
import { ApiPrediction, BATCH_CACHE_HEADERS, CACHE_HEADERS } from './prediction-docs.js';
import { PredictionDto } from './prediction.dto.js';

/** What is there, and predictions of any model. */
@ApiTags('Models')
@Controller('v1/models')
export class ModelsController {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly handler: PredictHandler,
    private readonly features: StoredFeatures,
  ) {}

  @Get()
  @Needs('read')
  @UseInterceptors(LoggingInterceptor)
  @ApiOperation({ summary: 'All models, their versions and states' })
  @ApiOkResponse({ type: ModelListDto })
  list(@Req() request: IncomingMessage): ModelListDto {
    const models = this.registry.visibleTo(RequestContext.of(request));
    return { models: models.map((model) => this.describe(model)) };
  }

  @Get(':model')
  @Needs('read')
  @UseInterceptors(LoggingInterceptor)
  @ApiOperation({ summary: 'One model' })
  @ApiOkResponse({ type: ModelDto })
  @ApiProblems('model_not_found')
  read(@Param('model') name: string, @Req() request: IncomingMessage): ModelDto {
    return this.describe(this.registry.model(name, RequestContext.of(request)));
  }

  @Get(':model/versions/:version')
  @Needs('read')
  @UseInterceptors(LoggingInterceptor)
  @ApiOperation({ summary: 'One version: its state, signature and tensors' })
  @ApiOkResponse({ type: VersionDetailsDto })
  @ApiProblems('model_not_found', 'version_not_found')
  readVersion(
    @Param('model') name: string,
    @Param('version') selector: string,
    @Req() request: IncomingMessage,
  ): VersionDetailsDto {
    const model = this.registry.model(name, RequestContext.of(request));
    const version = model.lookup(selector);
    const problem = version.loaded?.signature && this.features.problemOf(version.loaded.signature);
    return VersionDetailsDto.from(model, version, problem === undefined ? [] : [`stored features: ${problem}`]);
  }

  @Post([':model/predict', ':model/versions/:version/predict'])
  @Needs('predict')
  @DirectRoute()
  @ApiOperation({ summary: 'Predict one row' })
  @ApiPrediction()
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse({ type: PredictionDto, headers: CACHE_HEADERS })
  predict(
    @Param('model') model: string,
    @Param('version') pathVersion: string | undefined,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.handler.predict({ model, pathVersion }, request, response);
  }

  @Post([':model/predict/batch', ':model/versions/:version/predict/batch'])
  @Needs('predict')
  @DirectRoute()
  @ApiOperation({ summary: 'Predict many rows, in one run' })
  @ApiPrediction()
  @ApiBody({ type: BatchRequestDto })
  @ApiOkResponse({ type: BatchResponseDto, headers: BATCH_CACHE_HEADERS })
  predictBatch(
    @Param('model') model: string,
    @Param('version') pathVersion: string | undefined,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.handler.predictBatch({ model, pathVersion }, request, response);
  }

  private describe(model: ReturnType<ModelRegistry['model']>): ModelDto {
    return ModelDto.from(model, model === this.registry.defaultModel);
  }
}
