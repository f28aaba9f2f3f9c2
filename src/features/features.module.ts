import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { StoredFeatures } from './stored-features.js';

@Module({ imports: [DatabaseModule, RegistryModule], providers: [StoredFeatures], exports: [StoredFeatures] })
export class FeaturesModule {}
