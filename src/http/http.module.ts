import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BodyReader } from './body-reader.js';
import { Gate } from './gate.js';
import { JsonBody } from './json-body.js';
import { ParserFailures } from './parser-failures.js';
import { ProblemFilter } from './problem.filter.js';
import { ServerLimits } from './server-limits.js';

/** What every HTTP route shares: how bodies are read and how failures are answered. */
@Module({
  providers: [
    BodyReader,
    Gate,
    JsonBody,
    ParserFailures,
    ServerLimits,
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
  exports: [BodyReader, JsonBody, ServerLimits],
})
export class HttpModule {}
