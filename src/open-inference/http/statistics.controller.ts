import { type IncomingMessage } from 'node:http';
import { Controller, Get, Param, Req, UseInterceptors } from '@nestjs/common';
import { RequestContext } from '../../common/request-context.js';
import { LoggingInterceptor } from '../../logging/logging.interceptor.js';
import { ApiOkResponse, ApiOperation, ApiTags } from '../../openapi/decorators.js';
import { Needs } from '../../openapi/needs.js';
import { StatisticsService } from '../statistics.service.js';
import { ApiInferErrors } from './open-inference-docs.js';
import { StatisticsDto } from './statistics.dto.js';

/** The protocol's statistics extension. Before the calls for models, or one of the name `stats` would be meant. */
@ApiTags('Open Inference Protocol')
@Controller('v2/models')
@Needs('read')
@UseInterceptors(LoggingInterceptor)
export class StatisticsController {
  constructor(private readonly statistics: StatisticsService) {}

  @Get(['stats', ':model/stats', ':model/versions/:version/stats'])
  @ApiOperation({ summary: 'What models have done since the service started, in all worker processes' })
  @ApiOkResponse({ type: StatisticsDto })
  @ApiInferErrors('model_not_found', 'version_not_found')
  async read(
    @Param('model') model: string | undefined,
    @Param('version') version: string | undefined,
    @Req() request: IncomingMessage,
  ): Promise<StatisticsDto> {
    return { model_stats: await this.statistics.read(model, version, RequestContext.of(request)) };
  }
}
