import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/history.module.js';
import { EventsController } from './events.controller.js';

/** What operators ask and change. */
@Module({ imports: [HistoryModule], controllers: [EventsController] })
export class AdminModule {}
