import { ApiProperty } from '../../openapi/decorators.js';

export class StatisticDurationDto {
  @ApiProperty({ description: 'How often it happened', example: 1000 })
  count!: number;

  @ApiProperty({ description: 'Nanoseconds that it took in all', example: 250_000_000 })
  ns!: number;
}

const ApiDuration = (description: string) => ApiProperty({ type: StatisticDurationDto, description });

export class InferenceStatsDto {
  @ApiDuration('Requests that were answered, from the cache too')
  success!: StatisticDurationDto;

  @ApiDuration('Requests that reached the version and got no answer')
  fail!: StatisticDurationDto;

  @ApiDuration('Of those that were answered: their time in the queue')
  queue!: StatisticDurationDto;

  @ApiDuration('Of those that were answered by runs: putting the inputs of the runs together')
  compute_input!: StatisticDurationDto;

  @ApiDuration('Of those that were answered by runs: the runs themselves')
  compute_infer!: StatisticDurationDto;

  @ApiDuration('Of those that were answered by runs: from the end of the last run to the answer')
  compute_output!: StatisticDurationDto;

  @ApiDuration('Requests that the cache had an answer for')
  cache_hit!: StatisticDurationDto;

  @ApiDuration('Requests that it was asked for in vain')
  cache_miss!: StatisticDurationDto;
}

export class BatchStatsDto {
  @ApiProperty({ description: 'Rows in the run', example: 16 })
  batch_size!: number;

  @ApiProperty({ type: StatisticDurationDto })
  compute_input!: StatisticDurationDto;

  @ApiDuration('Its `count` is the number of runs of this size')
  compute_infer!: StatisticDurationDto;

  @ApiProperty({ type: StatisticDurationDto })
  compute_output!: StatisticDurationDto;
}

export class ModelStatsDto {
  @ApiProperty({ example: 'credit-risk' })
  name!: string;

  @ApiProperty({ example: '1.0.0' })
  version!: string;

  @ApiProperty({ description: 'When it ran last, in milliseconds since 1970; 0: never', example: 1_764_000_000_000 })
  last_inference!: number;

  @ApiProperty({ description: 'Rows that were run', example: 1000 })
  inference_count!: number;

  @ApiProperty({ description: 'Runs', example: 70 })
  execution_count!: number;

  @ApiProperty({ type: InferenceStatsDto })
  inference_stats!: InferenceStatsDto;

  @ApiProperty({ type: [BatchStatsDto], description: 'By rows in a run, for the first 256 sizes that occurred' })
  batch_stats!: BatchStatsDto[];
}

export class StatisticsDto {
  @ApiProperty({ type: [ModelStatsDto] })
  model_stats!: ModelStatsDto[];
}
