import { ApiProperty } from '../openapi/decorators.js';

export class LiveDto {
  @ApiProperty()
  live!: boolean;
}

export class ReadyDto {
  @ApiProperty()
  ready!: boolean;
}
