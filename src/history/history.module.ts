import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { History } from './history.js';

@Module({ imports: [DatabaseModule], providers: [History], exports: [History] })
export class HistoryModule {}
