import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Get, Param, Post, Req, Res, UseInterceptors } from '@nestjs/common';
import { type Response } from 'express';
import { RequestContext } from '../../common/request-context.js';
import { Settings } from '../../config/settings.js';
import { DirectRoute } from '../../http/direct-route.js';
import { timeLimitOf } from '../../http/time-limit.js';
import { LoggingInterceptor } from '../../logging/logging.interceptor.js';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '../../openapi/decorators.js';
import { Needs } from '../../openapi/needs.js';
import { OpenInferenceService } from '../open-inference.service.js';
import { InferHandler } from './infer.handler.js';
import { ApiInfer, ApiInferErrors } from './open-inference-docs.js';
import { ModelMetadataDto, ModelReadyDto, ServerMetadataDto } from './open-inference.dto.js';

/** The Open Inference Protocol (V2) over HTTP. */
@ApiTags('Open Inference Protocol')
@Controller('v2')
@Needs('read')
export class OpenInferenceController {
  constructor(
    private readonly service: OpenInferenceService,
    private readonly handler: InferHandler,
    private readonly settings: Settings,
  ) {}

  @Get()
  @UseInterceptors(LoggingInterceptor)
  @ApiOperation({ summary: 'The server, and the extensions that it has' })
  @ApiOkResponse({ type: ServerMetadataDto })
  describeServer(): ServerMetadataDto {
    return this.service.describeServer();
  }

  @Get(['models/:model', 'models/:model/versions/:version'])
  @UseInterceptors(LoggingInterceptor)
  @ApiOperation({ summary: 'What a model takes and gives' })
  @ApiOkResponse({ type: ModelMetadataDto })
  @ApiInferErrors('model_not_found', 'version_not_found', 'model_not_ready', 'model_unavailable', 'deadline_exceeded')
  describeModel(
    @Param('model') model: string,
    @Param('version') version: string | undefined,
    @Req() request: IncomingMessage,
  ): Promise<ModelMetadataDto> {
    const context = RequestContext.of(request);
    context.deadline = context.startedAt + timeLimitOf(request, this.settings.REQUEST_TIMEOUT_MS);
    return this.service.describeModel(model, version, context);
  }

  @Get(['models/:model/ready', 'models/:model/versions/:version/ready'])
  @UseInterceptors(LoggingInterceptor)
  @ApiOperation({ summary: 'Whether a model would answer' })
  @ApiOkResponse({ type: ModelReadyDto })
  @ApiServiceUnavailableResponse({ type: ModelReadyDto, description: 'It would not' })
  @ApiInferErrors('model_not_found', 'version_not_found')
  isReady(
    @Param('model') name: string,
    @Param('version') version: string | undefined,
    @Req() request: IncomingMessage,
    @Res({ passthrough: true }) response: Response,
  ): ModelReadyDto {
    const ready = this.service.isModelReady(name, version, RequestContext.of(request));
    if (!ready) response.status(503);
    return { name, ready };
  }

  @Post(['models/:model/infer', 'models/:model/versions/:version/infer'])
  @DirectRoute()
  @Needs('predict')
  @ApiOperation({ summary: 'Tensors in, tensors out' })
  @ApiInfer()
  infer(
    @Param('model') model: string,
    @Param('version') pathVersion: string | undefined,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    return this.handler.infer({ model, pathVersion }, request, response);
  }
}
