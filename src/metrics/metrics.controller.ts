import { type IncomingMessage } from 'node:http';
import { Controller, Get, Header, Req } from '@nestjs/common';
import { Registry } from 'prom-client';
import { RequestContext } from '../common/request-context.js';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { Metrics } from './metrics.js';

@ApiTags('Operations')
@Controller('metrics')
@Needs('read', 'metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Header('Content-Type', Registry.PROMETHEUS_CONTENT_TYPE)
  @ApiOperation({ summary: 'Metrics in the Prometheus text format' })
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  read(@Req() request: IncomingMessage): Promise<string> {
    RequestContext.of(request).principal?.checkAllModels();
    return this.metrics.scrape();
  }
}
