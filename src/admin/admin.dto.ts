import { IsString, Length } from 'class-validator';
import { Closed } from '../openapi/closed.js';
import { ApiProperty } from '../openapi/decorators.js';

/** Which version a default or a label shall mean. */
@Closed()
export class VersionChoiceDto {
  @ApiProperty({
    description: 'A version; for the default also a label',
    example: '1.0.0',
    minLength: 1,
    maxLength: 64,
  })
  @Length(1, 64, { message: 'must be 1 to 64 characters long' })
  @IsString({ message: 'must be a string: write a version such as 1.0 in quotes' })
  version!: string;
}
