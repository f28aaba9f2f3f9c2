import { ApiProperty, ApiPropertyOptional } from '../../openapi/decorators.js';
import { type Prediction } from '../../signature/prediction.js';

/** What a model says of one row. */
export class PredictionDto implements Prediction {
  @ApiProperty({
    type: Number,
    nullable: true,
    description:
      'binary: probability of the positive class; multiclass: index of the most probable class; regression: the value; raw: the number, where the model gives just one',
    example: 0.90987057,
  })
  prediction!: number | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: 1,
    description: 'null for regression and raw',
    example: 0.90987057,
  })
  probability!: number | null;

  @ApiProperty({ type: String, nullable: true, description: 'null for regression and raw', example: 'approved' })
  prediction_class!: string | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'number' },
    description: 'multiclass only: probability by class',
  })
  probabilities?: Record<string, number>;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, description: "raw only: the graph's outputs" })
  outputs?: Record<string, unknown>;

  @ApiProperty({ description: 'The version that answered', example: '1.0.0' })
  model_version!: string;

  @ApiProperty({ format: 'date-time', description: 'When it answered, UTC', example: '2026-01-01T12:00:00.000Z' })
  timestamp!: string;
}
