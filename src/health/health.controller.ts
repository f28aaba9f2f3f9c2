import { Controller, Get, Res, ServiceUnavailableException, UseInterceptors } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, type HealthIndicatorResult } from '@nestjs/terminus';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { LoggingInterceptor } from '../logging/logging.interceptor.js';
import { type Response } from 'express';
import { DependenciesService } from './dependencies.service.js';
import { HealthDto, LivenessDto, ProbeDto } from './health.dto.js';
import { HealthService } from './health.service.js';

/** Never cached; and documented by ourselves, since Terminus would load @nestjs/swagger at once. */
const PROBE = { noCache: true, swaggerDocumentation: false };

/** Probes. A check that fails answers 503 with what it found. */
@ApiTags('Operations')
@Controller('health')
@Needs('read', 'probes')
@UseInterceptors(LoggingInterceptor)
export class HealthController {
  constructor(
    private readonly health: HealthService,
    private readonly dependencies: DependenciesService,
    private readonly terminus: HealthCheckService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Whether the service answers predictions' })
  @ApiOkResponse({ type: HealthDto })
  @ApiServiceUnavailableResponse({ type: HealthDto })
  read(@Res({ passthrough: true }) response: Response): HealthDto {
    const { isModelLoaded } = this.health;
    if (!isModelLoaded) response.status(503);
    return { status: isModelLoaded ? 'healthy' : 'unhealthy', model_loaded: isModelLoaded };
  }

  /**
   * The event loop turns, or this would not be answered, and no run of a model is stuck for good. Dependencies have no
   * say: restarting would not mend them.
   */
  @Get('live')
  @ApiOperation({ summary: 'Liveness: restart the process when this fails' })
  @ApiOkResponse({ type: LivenessDto })
  @ApiServiceUnavailableResponse({ type: LivenessDto })
  live(@Res({ passthrough: true }) response: Response): LivenessDto {
    const { isStuck } = this.health;
    if (isStuck) response.status(503);
    return { status: isStuck ? 'stuck' : 'ok' };
  }

  @Get('ready')
  @HealthCheck(PROBE)
  @ApiOperation({ summary: 'Readiness: send traffic while this is 200' })
  @ApiOkResponse({ type: ProbeDto, description: 'No check failed' })
  @ApiServiceUnavailableResponse({ type: ProbeDto, description: 'A check failed' })
  ready(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    return this.check(
      response,
      () => this.health.staying(),
      () => this.health.started(),
      () => this.health.models(),
      () => this.health.queues(),
      () => this.health.runs(),
      () => this.dependencies.database(),
      () => this.dependencies.redis(),
    );
  }

  @Get('startup')
  @HealthCheck(PROBE)
  @ApiOperation({ summary: 'Startup: the first loads are done' })
  @ApiOkResponse({ type: ProbeDto, description: 'No check failed' })
  @ApiServiceUnavailableResponse({ type: ProbeDto, description: 'A check failed' })
  startup(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    return this.check(response, () => this.health.started());
  }

  /** Terminus throws what it found; here that is the answer, not a problem of the caller's. */
  private async check(response: Response, ...indicators: (() => HealthIndicatorResult)[]): Promise<HealthCheckResult> {
    try {
      return await this.terminus.check(indicators);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      response.status(503);
      return error.getResponse() as HealthCheckResult;
    }
  }
}
