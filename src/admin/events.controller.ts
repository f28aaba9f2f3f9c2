import { type IncomingMessage } from 'node:http';
import { Controller, Get, Query, Req, UseInterceptors } from '@nestjs/common';
import { RequestContext } from '../common/request-context.js';
import { History } from '../history/history.js';
import { EVENT_KINDS } from '../history/event.js';
import { LoggingInterceptor } from '../logging/logging.interceptor.js';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { ApiProblems } from '../http/api-problems.js';
import { EventListDto } from './event.dto.js';
import { NAME } from '../registry/version-name.js';
import { MAX_ID, MAX_LIMIT, toEventQuery } from './event-query.js';

/** What happened to models. */
@ApiTags('Operations')
@Controller('v1/events')
@Needs('read')
@UseInterceptors(LoggingInterceptor)
export class EventsController {
  constructor(private readonly history: History) {}

  @Get()
  @ApiOperation({ summary: 'What happened to models, from the newest on' })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: 100 },
  })
  @ApiQuery({
    name: 'before',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: MAX_ID },
    description: 'The `id` of the last event that was read: what was kept before it',
  })
  @ApiQuery({ name: 'model', required: false, schema: { type: 'string', pattern: NAME.source } })
  @ApiQuery({ name: 'kind', required: false, schema: { type: 'string', enum: [...EVENT_KINDS] } })
  @ApiOkResponse({ type: EventListDto })
  @ApiProblems('validation_failed', 'dependency_unavailable')
  async list(@Query() query: Record<string, unknown>, @Req() request: IncomingMessage): Promise<EventListDto> {
    const { principal } = RequestContext.of(request);
    const wanted = toEventQuery(query);
    if (wanted.model !== undefined) principal?.checkModel(wanted.model);
    return { events: await this.history.read({ ...wanted, among: principal?.models }) };
  }
}
