import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/history.module.js';
import { HttpModule } from '../http/http.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { AdminController } from './admin.controller.js';
import { AdminService } from './admin.service.js';
import { EventsController } from './events.controller.js';

/** What operators ask and change. */
@Module({
  imports: [HistoryModule, HttpModule, RegistryModule],
  controllers: [AdminController, EventsController],
  providers: [AdminService],
})
export class AdminModule {}
