import { IsBoolean, IsObject, IsOptional } from 'class-validator';
import { Closed } from '../openapi/closed.js';
import { ApiProperty, ApiPropertyOptional } from '../openapi/decorators.js';
import { REPOSITORY_STATES, type RepositoryState } from './repository.service.js';

@Closed()
export class RepositoryIndexRequestDto {
  @ApiPropertyOptional({
    type: Boolean,
    nullable: true,
    description: 'true leaves out what does not answer now',
    default: false,
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false' })
  ready?: boolean | null;
}

@Closed()
export class RepositoryChangeDto {
  @ApiPropertyOptional({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'They are passed over',
  })
  @IsOptional()
  @IsObject({ message: 'must be an object' })
  parameters?: Record<string, unknown> | null;
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
