import { Controller, Get, Res, UseInterceptors } from '@nestjs/common';
import { type Response } from 'express';
import { LoggingInterceptor } from '../logging/logging.interceptor.js';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { LiveDto, ReadyDto } from './open-inference-health.dto.js';
import { HealthService } from './health.service.js';

/** The probes of the Open Inference Protocol: they say the same as those under /health. */
@ApiTags('Open Inference Protocol')
@Controller('v2/health')
@Needs('read', 'probes')
@UseInterceptors(LoggingInterceptor)
export class OpenInferenceHealthController {
  constructor(private readonly health: HealthService) {}

  @Get('live')
  @ApiOperation({ summary: 'Liveness, as GET /health/live' })
  @ApiOkResponse({ type: LiveDto })
  @ApiServiceUnavailableResponse({ type: LiveDto })
  live(@Res({ passthrough: true }) response: Response): LiveDto {
    const live = !this.health.isStuck;
    if (!live) response.status(503);
    return { live };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Readiness, as GET /health/ready' })
  @ApiOkResponse({ type: ReadyDto })
  @ApiServiceUnavailableResponse({ type: ReadyDto })
  ready(@Res({ passthrough: true }) response: Response): ReadyDto {
    const ready = this.health.isReady && !this.health.isDraining;
    if (!ready) response.status(503);
    return { ready };
  }
}
