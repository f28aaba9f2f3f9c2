import { parseKept } from '../common/raw-json.js';
import { ApiProperty } from '../openapi/decorators.js';
import { type KeptPrediction } from './kept-predictions.js';

/** A prediction that was given. */
export class KeptPredictionDto {
  @ApiProperty({ description: 'Grows in the order in which predictions were kept', example: 4711 })
  id!: number;

  @ApiProperty({ description: 'The same for all rows of one answer, and for nothing else' })
  answer!: string;

  @ApiProperty({ description: 'Place in the batch, from 0 on; 0 for a single row', example: 0 })
  row!: number;

  @ApiProperty()
  request_id!: string;

  @ApiProperty({ description: 'When it was predicted', example: '2026-11-24T02:00:00.000Z' })
  at!: string;

  @ApiProperty({ example: 'credit-risk' })
  model!: string;

  @ApiProperty({ example: '1.0.0' })
  version!: string;

  @ApiProperty({ description: 'SHA-256 of the files that the version was loaded from' })
  digest!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'The row, with `[redacted]` in place of what model.yaml redacts; null where it was too large',
  })
  features!: unknown;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What was answered; without `probabilities` and `outputs` where they were too large',
    example: { prediction: 0.9098706, probability: 0.9098706, prediction_class: 'approved' },
  })
  prediction!: unknown;

  @ApiProperty({ description: 'Seconds from the request to the prediction', example: 0.00071 })
  duration!: number;

  @ApiProperty({ description: 'Whether the answer came from the cache; a batch: all of it', example: false })
  cached!: boolean;

  @ApiProperty({ type: String, nullable: true, description: 'Who asked; null without authentication', example: null })
  who!: string | null;

  static from({ features, prediction, duration, cached, who, ...rest }: KeptPrediction): KeptPredictionDto {
    return {
      ...rest,
      features: features === null ? null : parseKept(features),
      prediction: parseKept(prediction),
      duration,
      cached: cached === 1,
      who,
    };
  }
}

export class KeptPredictionListDto {
  @ApiProperty({ type: [KeptPredictionDto] })
  predictions!: KeptPredictionDto[];
}
