import { ArrayNotEmpty, IsArray } from 'class-validator';
import { Closed } from '../../openapi/closed.js';
import { ApiProperty } from '../../openapi/decorators.js';
import { PredictionDto } from './prediction.dto.js';

/** Many rows for one model. The rows themselves are checked by the version's own schema. */
@Closed()
export class BatchRequestDto {
  @ApiProperty({ type: 'array', items: { type: 'object' }, minItems: 1, description: 'Rows, 1 to MAX_BATCH_SIZE' })
  @ArrayNotEmpty({ message: 'must hold at least one row' })
  @IsArray({ message: 'must be a list of rows' })
  requests!: unknown[];
}

/** The predictions for many rows, in their order. */
export class BatchResponseDto {
  @ApiProperty({ type: [PredictionDto] })
  predictions!: PredictionDto[];

  @ApiProperty({ description: 'Number of rows', example: 2 })
  batch_size!: number;

  @ApiProperty({ description: 'Seconds from the parsed request to the answer', example: 0.0012 })
  processing_time!: number;
}
