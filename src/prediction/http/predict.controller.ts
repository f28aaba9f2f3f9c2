import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { EnvelopePipe } from '../../http/envelope.pipe.js';
import { Exchange, type HttpExchange } from '../../http/exchange.js';
import { BatchRequestDto, BatchResponseDto } from './batch.dto.js';
import { PredictHandler } from './predict.handler.js';
import { ApiPrediction } from './prediction-docs.js';
import { PredictionDto } from './prediction.dto.js';

/** Predictions of the default model. */
@ApiTags('Prediction')
@Controller('predict')
export class PredictController {
  constructor(private readonly handler: PredictHandler) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Predict one row with the default model' })
  @ApiPrediction()
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse({ type: PredictionDto })
  predict(@Body() row: unknown, @Exchange() exchange: HttpExchange): Promise<PredictionDto> {
    return this.handler.predict({}, row, exchange);
  }

  @Post('batch')
  @HttpCode(200)
  @ApiOperation({ summary: 'Predict many rows with the default model, in one run' })
  @ApiPrediction()
  @ApiBody({ type: BatchRequestDto })
  @ApiOkResponse({ type: BatchResponseDto })
  predictBatch(
    @Body(new EnvelopePipe(BatchRequestDto)) batch: BatchRequestDto,
    @Exchange() exchange: HttpExchange,
  ): Promise<BatchResponseDto> {
    return this.handler.predictBatch({}, batch, exchange);
  }
}
