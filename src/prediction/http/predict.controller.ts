import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '../../openapi/decorators.js';
import { Needs } from '../../openapi/needs.js';
import { DirectRoute } from '../../http/direct-route.js';
import { BatchRequestDto, BatchResponseDto } from './batch.dto.js';
import { PredictHandler } from './predict.handler.js';
import { ApiPrediction } from './prediction-docs.js';
import { PredictionDto } from './prediction.dto.js';

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
  @ApiOkResponse({ type: PredictionDto })
  predict(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    return this.handler.predict({}, request, response);
  }

  @Post('batch')
  @DirectRoute()
  @ApiOperation({ summary: 'Predict many rows with the default model, in one run' })
  @ApiPrediction()
  @ApiBody({ type: BatchRequestDto })
  @ApiOkResponse({ type: BatchResponseDto })
  predictBatch(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    return this.handler.predictBatch({}, request, response);
  }
}
