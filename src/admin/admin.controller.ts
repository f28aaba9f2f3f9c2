import { type IncomingMessage } from 'node:http';
import { Controller, Delete, HttpCode, Param, Post, Put, Query, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { Envelope } from '../http/envelope.js';
import { JsonBody } from '../http/json-body.js';
import { LocalOnly } from '../http/local-only.guard.js';
import { timeLimitOf } from '../http/time-limit.js';
import { LoggingInterceptor } from '../logging/logging.interceptor.js';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { ModelDto, VersionDetailsDto } from '../prediction/http/model.dto.js';
import { ApiProblems } from '../http/api-problems.js';
import { type Model } from '../registry/model.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { NAME } from '../registry/version-name.js';
import { type ModelVersion } from '../registry/model-version.js';
import { VersionChoiceDto } from './admin.dto.js';
import { AdminService } from './admin.service.js';

const CHOICE = new Envelope(VersionChoiceDto);

const RESET_ERRORS = [
  'validation_failed',
  'forbidden',
  'model_not_found',
  'conflict',
  'dependency_unavailable',
  'deadline_exceeded',
] as const;
const CHANGE_ERRORS = [
  ...RESET_ERRORS,
  'malformed_json',
  'version_not_found',
  'payload_too_large',
  'unsupported_media_type',
] as const;

const LABEL = { name: 'label', schema: { type: 'string' as const, pattern: NAME.source } };
const ApiForce = (what: string) => ApiQuery({ name: 'force', required: false, type: Boolean, description: what });

/** What operators change while it serves. An answer 200 means that it is in force, and kept. */
@ApiTags('Admin')
@Controller('v1/models/:model')
@Needs('admin')
@UseGuards(LocalOnly)
@UseInterceptors(LoggingInterceptor)
export class AdminController {
  constructor(
    private readonly admin: AdminService,
    private readonly registry: ModelRegistry,
    private readonly body: JsonBody,
    private readonly settings: Settings,
  ) {}

  @Post('versions/:version/load')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Load a version, and wait until it is READY',
    description:
      'One that was unloaded or left out by `versions` in model.yaml is served; one that FAILED is tried again; a lazy one is loaded now, and stays. The load goes on when the time of the request is up.',
  })
  @ApiOkResponse({ type: VersionDetailsDto })
  @ApiProblems(
    'forbidden',
    'model_not_found',
    'version_not_found',
    'model_unavailable',
    'dependency_unavailable',
    'deadline_exceeded',
  )
  async load(
    @Param('model') model: string,
    @Param('version') version: string,
    @Req() request: IncomingMessage,
  ): Promise<VersionDetailsDto> {
    const caller = this.callerOf(request);
    return this.describeVersion(model, await this.admin.load(model, version, caller), caller);
  }

  @Post('versions/:version/unload')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Take a version out of service, and give its memory back',
    description:
      'What it has taken on is answered. It stays out, also when the service starts again or its files change, until it is loaded by a call.',
  })
  @ApiForce('true unloads it even where it is the default now; false, as without it, refuses that')
  @ApiOkResponse({ type: VersionDetailsDto })
  @ApiProblems(
    'validation_failed',
    'forbidden',
    'model_not_found',
    'version_not_found',
    'conflict',
    'dependency_unavailable',
    'deadline_exceeded',
  )
  async unload(
    @Param('model') model: string,
    @Param('version') version: string,
    @Query('force') force: unknown,
    @Req() request: IncomingMessage,
  ): Promise<VersionDetailsDto> {
    const caller = this.callerOf(request);
    return this.describeVersion(model, await this.admin.unload(model, version, isForced(force), caller), caller);
  }

  @Put('default')
  @ApiOperation({ summary: 'Set the version, or the label, that answers where a request names none' })
  @ApiBody({ type: VersionChoiceDto })
  @ApiForce('true takes one that cannot serve now; false, as without it, refuses that')
  @ApiOkResponse({ type: ModelDto })
  @ApiProblems(...CHANGE_ERRORS, 'model_not_ready')
  async setDefault(
    @Param('model') model: string,
    @Query('force') force: unknown,
    @Req() request: IncomingMessage,
  ): Promise<ModelDto> {
    const { version } = CHOICE.check(await this.body.read(request));
    return this.describe(await this.admin.setDefault(model, version, isForced(force), this.callerOf(request)));
  }

  @Delete('default')
  @ApiOperation({ summary: 'Return to the default that model.yaml says' })
  @ApiForce('true returns even to one that cannot serve now; false, as without it, refuses that')
  @ApiOkResponse({ type: ModelDto })
  @ApiProblems(...RESET_ERRORS)
  async resetDefault(
    @Param('model') model: string,
    @Query('force') force: unknown,
    @Req() request: IncomingMessage,
  ): Promise<ModelDto> {
    return this.describe(await this.admin.resetDefault(model, isForced(force), this.callerOf(request)));
  }

  @Put('labels/:label')
  @ApiOperation({ summary: 'Have a label mean a version' })
  @ApiParam(LABEL)
  @ApiBody({ type: VersionChoiceDto })
  @ApiForce('true takes a version that cannot serve now; false, as without it, refuses that')
  @ApiOkResponse({ type: ModelDto })
  @ApiProblems(...CHANGE_ERRORS, 'model_not_ready')
  async setLabel(
    @Param('model') model: string,
    @Param('label') label: string,
    @Query('force') force: unknown,
    @Req() request: IncomingMessage,
  ): Promise<ModelDto> {
    const { version } = CHOICE.check(await this.body.read(request));
    return this.describe(await this.admin.setLabel(model, label, version, isForced(force), this.callerOf(request)));
  }

  @Delete('labels/:label')
  @ApiOperation({ summary: 'Return to what model.yaml says of a label' })
  @ApiForce('true does it even where the default needs the label; false, as without it, refuses that')
  @ApiOkResponse({ type: ModelDto })
  @ApiProblems(...RESET_ERRORS)
  async resetLabel(
    @Param('model') model: string,
    @Param('label') label: string,
    @Query('force') force: unknown,
    @Req() request: IncomingMessage,
  ): Promise<ModelDto> {
    return this.describe(await this.admin.resetLabel(model, label, isForced(force), this.callerOf(request)));
  }

  private describe(model: Model): ModelDto {
    return ModelDto.from(model, model === this.registry.defaultModel);
  }

  private describeVersion(model: string, version: ModelVersion, caller: Caller): VersionDetailsDto {
    return VersionDetailsDto.from(this.registry.model(model, caller), version);
  }

  private callerOf(request: IncomingMessage): Caller {
    const context = RequestContext.of(request);
    context.deadline = context.startedAt + timeLimitOf(request, this.settings.REQUEST_TIMEOUT_MS);
    return context;
  }
}

/** @throws DomainError `validation_failed` */
function isForced(force: unknown): boolean {
  if (force === undefined || force === 'false') return false;
  if (force === 'true') return true;
  throw new DomainError('validation_failed', 'force must be true or false.');
}
