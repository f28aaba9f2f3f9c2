import { ApiProperty } from '@nestjs/swagger';

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
