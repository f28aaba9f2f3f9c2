import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '../../openapi/decorators.js';
import { Needs } from '../../openapi/needs.js';
import { DirectRoute } from '../../http/direct-route.js';
import { BatchRequestDto, BatchResponseDto } from './batch.dto.js';
import { PredictHandler } from './predict.handler.js';
import { type Wishes } from '../prediction.service.js';
import { ApiPrediction, BATCH_CACHE_HEADERS, CACHE_HEADERS } from './prediction-docs.js';
import { PredictionDto } from './prediction.dto.js';

const CACHED: Wishes = { cached: true };

/** Predictions of the default model. */
@ApiTags('Prediction')
@Controller('predict')
@Needs('predict')
export class PredictController {
  constructor(private readonly handler: PredictHandler) {}

  @Post()
  @DirectRoute()
  @ApiOperation({ summary: 'Predict one row with the default model' })
  @ApiPrediction()
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse({ type: PredictionDto, headers: CACHE_HEADERS })
  predict(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    return this.handler.predict({}, request, response);
  }

  @Post('cached')
  @DirectRoute()
  @ApiOperation({
    summary: 'Predict one row with the default model, or give the prediction that was made for it before',
    description:
      'The same row is run once, however often it is sent, until CACHE_TTL_S or the ttl of model.yaml is over.',
  })
  @ApiPrediction()
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse({ type: PredictionDto, headers: CACHE_HEADERS })
  predictCached(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    return this.handler.predict({}, request, response, CACHED);
  }

  @Post('batch')
  @DirectRoute()
  @ApiOperation({ summary: 'Predict many rows with the default model, in one run' })
  @ApiPrediction()
  @ApiBody({ type: BatchRequestDto })
  @ApiOkResponse({ type: BatchResponseDto, headers: BATCH_CACHE_HEADERS })
  predictBatch(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    return this.handler.predictBatch({}, request, response);
  }
}
