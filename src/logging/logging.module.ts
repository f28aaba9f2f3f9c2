import { Global, Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { isoNow } from '../common/iso-now.js';
import { Settings } from '../config/settings.js';
import { logStream } from './log-stream.js';
import { LoggingInterceptor } from './logging.interceptor.js';
import { RequestObserver } from './request-observer.js';

@Global()
@Module({
  imports: [
    LoggerModule.forRootAsync({
      inject: [Settings],
      useFactory: ({ LOG_LEVEL }: Settings) => ({
        pinoHttp: [
          {
            level: LOG_LEVEL,
            base: null,
            timestamp: () => `,"time":"${isoNow()}"`,
            formatters: { level: (label: string) => ({ level: label }) },
          },
          logStream(),
        ],
        // No logger is made for each request: the interceptor writes the two lines that a request gets.
        forRoutes: [],
      }),
    }),
  ],
  providers: [RequestObserver, LoggingInterceptor],
  exports: [RequestObserver, LoggingInterceptor],
})
export class LoggingModule {}
