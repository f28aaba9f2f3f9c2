import { ApiProperty, ApiPropertyOptional } from '../../openapi/decorators.js';
import { DATATYPE_NAMES } from '../datatypes.js';
import { type ModelMetadata, type ServerMetadata, type TensorMetadata } from '../metadata.js';

const PARAMETERS = {
  type: 'object' as const,
  additionalProperties: { oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] },
};
const DATATYPE = { enum: DATATYPE_NAMES, example: 'FP32' };

export class ServerMetadataDto implements ServerMetadata {
  @ApiProperty({ example: 'nestor' })
  name!: string;

  @ApiProperty({ example: '1.0.0' })
  version!: string;

  @ApiProperty({ type: [String], example: ['binary_tensor_data'] })
  extensions!: readonly string[];
}

export class TensorMetadataDto implements TensorMetadata {
  @ApiProperty({ example: 'features' })
  name!: string;

  @ApiProperty(DATATYPE)
  datatype!: TensorMetadata['datatype'];

  @ApiProperty({ type: [Number], description: '-1: any size', example: [-1, 9] })
  shape!: readonly number[];
}

export class ModelMetadataDto implements ModelMetadata {
  @ApiProperty({ example: 'credit-risk' })
  name!: string;

  @ApiProperty({ type: [String], description: 'Those that can serve', example: ['1.0.0', '2.0.0'] })
  versions!: readonly string[];

  @ApiProperty({ example: 'onnx_onnxv1' })
  platform!: string;

  @ApiProperty({ type: [TensorMetadataDto] })
  inputs!: readonly TensorMetadataDto[];

  @ApiProperty({ type: [TensorMetadataDto] })
  outputs!: readonly TensorMetadataDto[];
}

export class ModelReadyDto {
  @ApiProperty({ example: 'credit-risk' })
  name!: string;

  @ApiProperty()
  ready!: boolean;
}

/** What inputs and outputs have in common. */
class InferTensorDto {
  @ApiProperty({ example: 'features' })
  name!: string;

  @ApiProperty({ type: [Number], example: [1, 9] })
  shape!: number[];

  @ApiProperty(DATATYPE)
  datatype!: string;

  @ApiPropertyOptional({
    ...PARAMETERS,
    description: '`binary_data_size`: bytes of its binary data, which stand after the JSON in place of `data`',
  })
  parameters?: object;

  @ApiPropertyOptional({
    type: 'array',
    items: {},
    description: 'Its elements, row-major, flat or nested as its shape. 64-bit integers have all their digits',
    example: [35, 75000, 720, 8, 1, 0, 0, 0, 0.2],
  })
  data?: unknown[];
}

export class RequestedOutputDto {
  @ApiProperty({ example: 'probabilities' })
  name!: string;

  @ApiPropertyOptional({ ...PARAMETERS, description: '`binary_data`: true has it sent as binary data, false as JSON' })
  parameters?: object;
}

export class InferRequestDto {
  @ApiPropertyOptional({ description: 'Comes back in the answer', example: 'a-1' })
  id?: string;

  @ApiPropertyOptional({
    ...PARAMETERS,
    description:
      '`binary_data_output`: true has all outputs sent as binary data that say nothing of it; `timeout`: microseconds',
  })
  parameters?: object;

  @ApiProperty({ type: [InferTensorDto], description: 'Each input of the model, once' })
  inputs!: InferTensorDto[];

  @ApiPropertyOptional({ type: [RequestedOutputDto], description: 'Without it all outputs' })
  outputs?: RequestedOutputDto[];
}

export class InferResponseDto {
  @ApiProperty({ example: 'credit-risk' })
  model_name!: string;

  @ApiProperty({ description: 'The version that answered', example: '1.0.0' })
  model_version!: string;

  @ApiPropertyOptional({ example: 'a-1' })
  id?: string;

  @ApiProperty({ type: [InferTensorDto], description: 'In the order in which they were asked for' })
  outputs!: InferTensorDto[];
}
