import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '../../openapi/decorators.js';
import { Needs } from '../../openapi/needs.js';
import { DirectRoute } from '../../http/direct-route.js';
import { PredictHandler } from './predict.handler.js';
import { ApiPrediction } from './prediction-docs.js';
import { PredictionDto } from './prediction.dto.js';

/** Predictions of the default model for rows some of whose features are stored. */
@ApiTags('Prediction')
@Controller('predict-with-preprocessing')
@Needs('predict')
export class PreprocessingController {
  constructor(private readonly handler: PredictHandler) {}

  @Post()
  @DirectRoute()
  @ApiOperation({
    summary: 'Predict one row with the default model, its stored features looked up by key',
    description: 'Stored values win over sent ones. Where signature.yaml has a `lookup`.',
  })
  @ApiPrediction()
  @ApiBody({ schema: { type: 'object' } })
  @ApiOkResponse({ type: PredictionDto })
  predict(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    return this.handler.predict({}, request, response, { lookup: true });
  }
}
