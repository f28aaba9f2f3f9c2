import { Global, Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { LogStream, logStream } from './log-stream.js';
import { loggerOptions } from './logger-options.js';
import { LoggingInterceptor } from './logging.interceptor.js';
import { RequestLog } from './request-log.js';
import { RequestObserver } from './request-observer.js';

@Module({
  providers: [
    {
      provide: LogStream,
      inject: [Metrics],
      useFactory: ({ logLinesDropped }: Metrics) =>
        logStream((lines) => {
          logLinesDropped.inc(lines);
        }),
    },
  ],
  exports: [LogStream],
})
class LogStreamModule {}

@Global()
@Module({
  imports: [
    LogStreamModule,
    LoggerModule.forRootAsync({
      imports: [LogStreamModule],
      inject: [Settings, LogStream],
      useFactory: ({ LOG_LEVEL }: Settings, stream: LogStream) => ({
        pinoHttp: [loggerOptions(LOG_LEVEL), stream],
        // No logger is made for each request: RequestLog writes the two lines that a request gets.
        forRoutes: [],
      }),
    }),
  ],
  providers: [RequestLog, RequestObserver, LoggingInterceptor],
  exports: [RequestLog, RequestObserver, LoggingInterceptor],
})
export class LoggingModule {}
