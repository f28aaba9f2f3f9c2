import { type IncomingMessage } from 'node:http';
import { Controller, HttpCode, Param, Post, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { parseJson } from '../common/json.js';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { BodyReader } from '../http/body-reader.js';
import { Envelope } from '../http/envelope.js';
import { LocalOnly } from '../http/local-only.guard.js';
import { timeLimitOf } from '../http/time-limit.js';
import { LoggingInterceptor } from '../logging/logging.interceptor.js';
import { ApiInferErrors } from '../open-inference/http/open-inference-docs.js';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { RepositoryChangeDto, RepositoryEntryDto, RepositoryIndexRequestDto } from './repository.dto.js';
import { type RepositoryEntry, RepositoryService } from './repository.service.js';

const INDEX = new Envelope(RepositoryIndexRequestDto);
const CHANGE = new Envelope(RepositoryChangeDto);
/** A folder alone says how its model is loaded. */
const LOAD = {
  type: 'object' as const,
  additionalProperties: false,
  properties: { parameters: { type: ['object', 'null'], maxProperties: 0 } },
} as object;

/** The Open Inference Protocol's model repository extension. Clients send JSON without saying so, or no body at all. */
@ApiTags('Open Inference Protocol')
@Controller('v2/repository')
@Needs('admin')
@UseInterceptors(LoggingInterceptor)
export class RepositoryController {
  constructor(
    private readonly repository: RepositoryService,
    private readonly reader: BodyReader,
    private readonly settings: Settings,
  ) {}

  @Post('index')
  @HttpCode(200)
  @Needs('read')
  @ApiOperation({ summary: 'All models and versions, and their states' })
  @ApiBody({ type: RepositoryIndexRequestDto, required: false })
  @ApiOkResponse({ type: [RepositoryEntryDto] })
  @ApiInferErrors('malformed_json', 'validation_failed', 'payload_too_large')
  async index(@Req() request: IncomingMessage): Promise<RepositoryEntry[]> {
    const { ready } = INDEX.check(await this.read(request));
    return this.repository.index(ready ?? false, RequestContext.of(request));
  }

  @Post('models/:model/load')
  @HttpCode(200)
  @UseGuards(LocalOnly)
  @ApiOperation({
    summary: 'Have a model served: each version that its model.yaml asks for',
    description: 'Answered once all of them are READY. The loads go on when the time of the request is up.',
  })
  @ApiBody({ schema: LOAD, required: false })
  @ApiOkResponse({ description: 'They are READY' })
  @ApiInferErrors(
    'malformed_json',
    'validation_failed',
    'forbidden',
    'model_not_found',
    'payload_too_large',
    'model_unavailable',
    'dependency_unavailable',
    'deadline_exceeded',
  )
  async load(@Param('model') model: string, @Req() request: IncomingMessage): Promise<void> {
    const caller = this.callerOf(request);
    const { parameters } = CHANGE.check(await this.read(request));
    await this.repository.load(model, Object.keys(parameters ?? {}), caller);
  }

  @Post('models/:model/unload')
  @HttpCode(200)
  @UseGuards(LocalOnly)
  @ApiOperation({
    summary: 'Take all versions of a model out of service, and give their memory back',
    description:
      'What they have taken on is answered. They stay out until the model, or one of them, is loaded by a call.',
  })
  @ApiBody({ type: RepositoryChangeDto, required: false })
  @ApiOkResponse({ description: 'Their memory is free' })
  @ApiInferErrors(
    'malformed_json',
    'validation_failed',
    'forbidden',
    'model_not_found',
    'payload_too_large',
    'dependency_unavailable',
    'deadline_exceeded',
  )
  async unload(@Param('model') model: string, @Req() request: IncomingMessage): Promise<void> {
    const caller = this.callerOf(request);
    CHANGE.check(await this.read(request));
    await this.repository.unload(model, caller);
  }

  private read(request: IncomingMessage): Promise<unknown> {
    return this.reader.read(request, (bytes) => (bytes.length === 0 ? {} : parseJson(bytes)));
  }

  private callerOf(request: IncomingMessage): Caller {
    const context = RequestContext.of(request);
    context.deadline = context.startedAt + timeLimitOf(request, this.settings.REQUEST_TIMEOUT_MS);
    return context;
  }
}
