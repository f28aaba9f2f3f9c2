import { ApiProperty, ApiPropertyOptional } from '../openapi/decorators.js';

export class HealthDto {
  @ApiProperty({ enum: ['healthy', 'unhealthy'] })
  status!: 'healthy' | 'unhealthy';

  @ApiProperty({ description: 'Whether the default model can answer' })
  model_loaded!: boolean;
}

export class LivenessDto {
  @ApiProperty({ enum: ['ok', 'stuck'] })
  status!: 'ok' | 'stuck';
}

/** A check by its name: `startup`, `models`. */
const checks = (description: string) => ({
  description,
  type: 'object' as const,
  additionalProperties: {
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string', enum: ['up', 'degraded', 'down'] } },
  },
});

/** What Terminus answers. */
export class ProbeDto {
  @ApiProperty({ enum: ['ok', 'degraded', 'error', 'shutting_down'] })
  status!: string;

  @ApiPropertyOptional(checks('Those that passed'))
  info?: object;

  @ApiPropertyOptional(checks('Those that failed'))
  error?: object;

  @ApiProperty(checks('All checks'))
  details!: object;
}
