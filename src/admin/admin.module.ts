import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/history.module.js';
import { HttpModule } from '../http/http.module.js';
import { LocalOnly } from '../http/local-only.guard.js';
import { RegistryModule } from '../registry/registry.module.js';
import { AdminController } from './admin.controller.js';
import { AdminService } from './admin.service.js';
import { EventsController } from './events.controller.js';
import { RepositoryController } from './repository.controller.js';
import { RepositoryService } from './repository.service.js';

/** What operators ask and change. */
@Module({
  imports: [HistoryModule, HttpModule, RegistryModule],
  controllers: [AdminController, EventsController, RepositoryController],
  providers: [AdminService, RepositoryService, LocalOnly],
  exports: [RepositoryService, LocalOnly],
})
export class AdminModule {}
