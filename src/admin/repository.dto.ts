import { IsBoolean, IsObject, IsOptional } from 'class-validator';
import { ApiProperty, ApiPropertyOptional } from '../openapi/decorators.js';
import { REPOSITORY_STATES, type RepositoryState } from './repository.service.js';

export class RepositoryIndexRequestDto {
  @ApiPropertyOptional({ description: 'true leaves out what does not answer now', default: false })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false' })
  ready?: boolean;
}

export class RepositoryChangeDto {
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'For unloading they are passed over; for loading there must be none: a folder alone says how',
  })
  @IsOptional()
  @IsObject({ message: 'must be an object' })
  parameters?: Record<string, unknown>;
}

export class RepositoryEntryDto {
  @ApiProperty({ example: 'credit-risk' })
  name!: string;

  @ApiPropertyOptional({ example: '1.0.0' })
  version?: string;

  @ApiProperty({ enum: [...REPOSITORY_STATES], example: 'READY' })
  state!: RepositoryState;

  @ApiProperty({ description: 'Why it is in that state, where there is something to say', example: '' })
  reason!: string;
}
