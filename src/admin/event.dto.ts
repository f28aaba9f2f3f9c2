import { ApiProperty } from '../openapi/decorators.js';
import { EVENT_KINDS, type EventKind, type KeptEvent } from '../history/event.js';

export class EventDto implements KeptEvent {
  @ApiProperty({ description: 'Grows in the order in which events were kept', example: 17 })
  id!: number;

  @ApiProperty({ description: 'When it happened', example: '2026-11-24T02:00:00.000Z' })
  at!: string;

  @ApiProperty({ enum: EVENT_KINDS, example: 'state' })
  kind!: EventKind;

  @ApiProperty({ example: 'credit-risk' })
  model!: string;

  @ApiProperty({ type: String, nullable: true, example: '2.0.0' })
  version!: string | null;

  @ApiProperty({ type: String, nullable: true, example: null })
  label!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'State, version or label before', example: 'CHECKING' })
  from!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'State, version or label since', example: 'READY' })
  to!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The reason, in one line', example: null })
  why!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'null: the service by itself', example: null })
  who!: string | null;

  @ApiProperty({ description: 'The machine that it happened on', example: 'nestor-7c9d' })
  host!: string;

  @ApiProperty({ description: 'Number of the worker process; 0 where there is one process', example: 0 })
  worker!: number;
}

export class EventListDto {
  @ApiProperty({ type: [EventDto], description: 'From the newest on' })
  events!: EventDto[];
}
